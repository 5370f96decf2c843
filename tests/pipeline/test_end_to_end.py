"""The real pipeline, small: the same study by `dvc repro` in one clone and by `snakemake` in another."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from gsf.imported.init import import_checkpoint
from gsf.pipeline import study
from gsf.provenance.hashing import sha256_file
from gsf.store.plan import shard_of
from tests.pipeline.tiny import BENCHMARK, Clone
from tests.released import write_released

pytestmark = pytest.mark.pipeline

NOTHING = "Nothing to be done"
CLEAN = "Data and pipelines are up to date"
OF_GSF = [
    "ensemble@tiny-both-s0",
    "evaluate@tiny-gsf-s0-2x1x1",
    "evaluate@tiny-gsf-s0-2x2x1",
    "report",
    "train@tiny-gsf-s0",
]


def ran_by_dvc(text: str) -> list[str]:
    return sorted(re.findall(r"Running stage '([^']+)'", text))


def ran_by_snakemake(clone: Clone, text: str) -> list[str]:
    from gsf.pipeline import graph

    outputs = [line.split(": ", 1)[1].split(", ")[0] for line in text.splitlines() if line.startswith("    output: ")]
    writer = graph.load(clone.project).writer
    return sorted({writer[path].name for path in outputs})


def agree(clone: Clone) -> None:
    assert CLEAN in clone.dvc("status")
    assert NOTHING in clone.snakemake("-n")
    assert CLEAN in clone.dvc("repro")


def _clone_with_import(root: Path) -> Clone:
    """A clone whose study has an imported network too, whose file lies elsewhere in each clone, and an ensemble."""
    clone = Clone(root)
    checkpoint = write_released(root.parent / f"weights-{root.name}" / "gsf.pth.tar")
    sizes = {"num_segments": 2, "input_size": 32, "short_side": 32}
    import_checkpoint(clone.project, checkpoint, benchmark="mini", name="gsf-elsewhere", study="tiny", **sizes)
    with (root / "params/studies/tiny.yaml").open("a") as file:
        file.write("ensembles:\n  both: {members: {tsn: {protocol: 2x1x1}, gsf: {protocol: 2x2x1, weight: 2}}}\n")
    study.activate(clone.project, "tiny")
    return clone.start()


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, Clone]:
    """The study `tiny` run in clone A by DVC and in clone B by Snakemake, each told to the other runner."""
    folder = tmp_path_factory.mktemp("end")
    by_dvc, by_snakemake = _clone_with_import(folder / "a"), _clone_with_import(folder / "b")
    by_dvc.dvc("repro")
    by_snakemake.snakemake()
    by_dvc.run("gsf", "sync")
    by_snakemake.run("gsf", "record")
    return by_dvc, by_snakemake


def test_both_runners_write_byte_identical_receipts(clones: tuple[Clone, Clone]) -> None:
    receipts = [clone.receipts() for clone in clones]
    assert receipts[0] == receipts[1]
    assert len([name for name in receipts[0] if not name.startswith("results/tiny/receipts")]) == 18
    assert "runs/tiny/train/gsf-elsewhere/receipt.json" in receipts[0]


def test_both_runners_write_the_same_results(clones: tuple[Clone, Clone]) -> None:
    texts = [(clone.root / "results/tiny/results.json").read_bytes() for clone in clones]
    assert texts[0] == texts[1]
    assert b"tsn" in texts[0]
    pages = [(clone.root / "results/tiny/README.md").read_text() for clone in clones]
    assert pages[0] == pages[1]
    assert "| gsf-elsewhere, *imported* from `gsf.pth.tar` (sha256 " in pages[0]
    assert "| gsf |" in pages[0]
    assert "| both, *ensemble* of 2 |" in pages[0]


def test_afterwards_both_runners_have_nothing_to_do(clones: tuple[Clone, Clone]) -> None:
    for clone in clones:
        agree(clone)


def test_a_changed_training_parameter_runs_that_experiment_only(clones: tuple[Clone, Clone]) -> None:
    by_dvc, by_snakemake = clones
    for clone in clones:
        clone.edit("params/models/gsf-tiny.yaml", "dropout: 0.0", "dropout: 0.5")
    assert ran_by_dvc(by_dvc.dvc("repro")) == OF_GSF
    assert ran_by_snakemake(by_snakemake, by_snakemake.snakemake()) == OF_GSF
    assert by_dvc.receipts() == by_snakemake.receipts()
    by_dvc.run("gsf", "sync")
    by_snakemake.run("gsf", "record")
    for clone in clones:
        agree(clone)


@pytest.mark.parametrize("runner", ["dvc", "snakemake"])
def test_one_added_video_rebuilds_one_shard_only_and_new_times_none(
    clones: tuple[Clone, Clone], tmp_path: Path, runner: str
) -> None:
    videos = clones[0].root / "data/mini/videos"
    rows = (clones[0].root / "data/mini/annotations.csv").read_text().splitlines()
    names = [row.split(",")[:3] for row in rows[1:]]
    later = next(name for name in names if name[2] == "train")

    clone = Clone(tmp_path / "own")
    for path, _, _ in names:
        if path != later[0]:
            (clone.root / "videos" / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(videos / path, clone.root / "videos" / path)

    def write_labels(listed: list[list[str]]) -> None:
        lines = [",".join(name) for name in [["path", "label", "split"], *listed]]
        (clone.root / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    write_labels([name for name in names if name != later])
    own = BENCHMARK.format(name="own", videos="videos", render="").replace("data/own/annotations.csv", "labels.csv")
    (clone.root / "params/benchmarks/own.yaml").write_text(own)
    clone.edit("params/studies/tiny.yaml", "  tsn: {benchmark: mini, model: tsn-tiny, recipe: tiny}\n", "")
    clone.edit("params/studies/tiny.yaml", "benchmark: mini", "benchmark: own")
    study.activate(clone.project, "tiny")
    clone.start()

    def run() -> str:
        if runner == "dvc":
            return clone.dvc("repro", "manifest@own")
        return clone.snakemake("data/own/manifest.csv")

    run()
    shards = {shard: clone.project.shard("own", shard) for shard in ("00", "01")}
    before = {shard: (path.stat().st_ino, sha256_file(path)) for shard, path in shards.items()}

    shutil.copy2(videos / later[0], clone.root / "videos" / later[0])
    write_labels(names)
    text = run()
    changed = shard_of(later[0], 2)
    ran = ran_by_dvc(text) if runner == "dvc" else ran_by_snakemake(clone, text)
    again = ["inventory@own", f"extract@own-{changed}", "manifest@own"]
    assert [name for name in ran if not name.startswith("scan@")] == sorted(again)
    same = next(shard for shard in shards if shard != changed)
    assert sha256_file(shards[changed]) != before[changed][1]
    assert (shards[same].stat().st_ino, sha256_file(shards[same])) == before[same]

    receipts = clone.receipts()
    for path in (clone.root / "videos").rglob("*.mp4"):
        path.touch()  # as a copy that does not keep times
    text = run()
    assert clone.receipts() == receipts
    if runner == "dvc":
        assert ran_by_dvc(text) == ["inventory@own", "scan@own"]
        clone.run("gsf", "sync")
        assert NOTHING in clone.snakemake("-n", "data/own/manifest.csv")
    else:
        assert ran_by_snakemake(clone, text) == ["inventory@own"]  # whose small tables are compared by content
