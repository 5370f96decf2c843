"""Videos that are added, or not there at all, and what each runner starts then: on the real graph, with toy stages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gsf.data.init.own import init_benchmark
from gsf.errors import DataError
from gsf.pipeline import graph, study
from gsf.pipeline.record import record
from gsf.pipeline.sync import sync
from gsf.pipeline.touch import TOLD
from gsf.project import Project
from gsf.store.plan import shard_of
from tests.pipeline.tiny import ToyClone

pytestmark = pytest.mark.pipeline

NOTHING = "Nothing to be done"
CLEAN = "scan@own:\n\talways changed\n"
KEPT = "videos: is not there, must hold the videos of own; its listing is kept"
NAMES = [f"{label}/{number}.mp4" for label in ("left", "right") for number in range(10)]
AFTER = [
    *(f"evaluate@tiny-{run}-s0-{protocol}" for run in ("gsf", "tsn") for protocol in ("2x1x1", "2x2x1")),
    "manifest@own",
    "report",
    *(f"train@tiny-{run}-s0" for run in ("gsf", "tsn")),
]


def write_videos(clone: ToyClone, *names: str) -> None:
    for name in names:
        path = clone.root / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 3)


def add(clone: ToyClone, *names: str) -> str:
    """Put more videos into the folder and call `gsf init` again, as a person would; what it says."""
    write_videos(clone, *names)
    summary = init_benchmark(clone.project, "own", clone.root / "videos")
    study.renew(clone.project, "own")
    return str(summary)


def opened(root: Path) -> ToyClone:
    clone = ToyClone.__new__(ToyClone)
    clone.root, clone.project = root, Project(root)
    return clone


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> ToyClone:
    """A study of twenty videos of one's own in two shards, run by Snakemake and recorded."""
    clone = ToyClone(tmp_path_factory.mktemp("additions") / "clone")
    write_videos(clone, *NAMES)
    init_benchmark(clone.project, "own", clone.root / "videos", shards=2)
    clone.edit("params/studies/tiny.yaml", "benchmark: mini", "benchmark: own")
    study.activate(clone.project, "tiny")
    clone.start()
    clone.snakemake()
    assert clone.ran() == sorted(["inventory@own", "extract@own-00", "extract@own-01", *AFTER])
    record(clone.project)
    return clone


@pytest.fixture
def clone(finished: ToyClone, tmp_path: Path) -> ToyClone:
    shutil.copytree(finished.root, tmp_path / "clone", symlinks=True)  # copies keep their times
    return opened(tmp_path / "clone")


def places(clone: ToyClone, shard: str) -> list[tuple[int, int]]:
    """Inode and time of what an extraction wrote: whoever remembers a digest goes by them."""
    stage = graph.load(clone.project).by_name[f"extract@own-{shard}"]
    stats = [(clone.root / out.path).stat() for out in stage.outs]
    return [(stat.st_ino, stat.st_mtime_ns) for stat in stats]


def planned(clone: ToyClone) -> list[str]:
    """The stages that `snakemake -n` lists."""
    writer = graph.load(clone.project).writer
    lines = clone.snakemake("-n").splitlines()
    outputs = [line.split(": ", 1)[1].split(", ")[0] for line in lines if line.startswith("    output: ")]
    return sorted({writer[path].name for path in outputs})


@pytest.mark.parametrize("runner", ["snakemake", "dvc"])
def test_added_videos_start_the_extraction_of_their_own_shard_only(clone: ToyClone, runner: str) -> None:
    record(clone.project)  # the copy has new inodes
    assert "3 new videos are batch 1" in add(clone, "left/n1.mp4", "left/n2.mp4", "right/n3.mp4")
    before = {shard: places(clone, shard) for shard in ("00", "01")}
    if runner == "snakemake":
        clone.snakemake()
        ran = clone.ran()
        record(clone.project)
    else:
        clone.dvc("repro")
        ran = clone.ran()
        sync(clone.project)
    assert ran == sorted(["inventory@own", "extract@own-a01", *AFTER])
    assert {shard: places(clone, shard) for shard in before} == before
    assert clone.dvc("status") == CLEAN
    assert NOTHING in clone.snakemake("-n")
    clone.dvc("repro")
    assert clone.ran() == []


def test_a_changed_video_starts_the_extraction_of_its_shard_only(clone: ToyClone) -> None:
    (clone.root / "videos" / NAMES[0]).write_bytes(b"other bytes")
    clone.snakemake()
    assert clone.ran() == sorted(["inventory@own", f"extract@own-{shard_of(NAMES[0], 2)}", *AFTER])


def test_an_inventory_that_leaves_the_plans_as_they_are_starts_no_extraction(clone: ToyClone) -> None:
    clone.edit("params/benchmarks/own.yaml", "on_missing: stop", "on_missing: exclude")
    clone.snakemake()
    assert clone.ran() == sorted(["inventory@own", *AFTER])


def test_a_run_that_failed_starts_what_is_left(clone: ToyClone) -> None:
    add(clone, "left/n1.mp4")
    clone.snakemake(fails=True, TOY_FAIL="extract@own-a01")
    assert clone.ran() == ["inventory@own"]
    clone.snakemake()
    assert clone.ran() == sorted(["extract@own-a01", *AFTER])


def edit_parameters(clone: ToyClone) -> None:
    clone.edit("params/benchmarks/own.yaml", "jpeg_quality: 3", "jpeg_quality: 4")


def edit_code(clone: ToyClone) -> None:
    clone.edit("gsf/gsf_store_extract.py", "VERSION = 1", "VERSION = 2")


def lose_a_shard(clone: ToyClone) -> None:
    clone.project.shard("own", "01").unlink()


def edit_a_plan(clone: ToyClone) -> None:
    """With its old time, as `dvc checkout` may leave it."""
    path = clone.project.shard_plan("own", "01")
    times = path.stat()
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data + b"x")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize(
    ("change", "shards"),
    [
        (edit_parameters, ["00", "01"]),
        (edit_code, ["00", "01"]),
        (lose_a_shard, ["01"]),
        (edit_a_plan, ["01"]),
    ],
)
def test_what_an_extraction_rests_on_starts_it_without_the_inventory(
    clone: ToyClone, change: Callable[[ToyClone], None], shards: list[str]
) -> None:
    change(clone)
    assert planned(clone) == sorted([*(f"extract@own-{shard}" for shard in shards), *AFTER])


def test_what_dvc_ran_alone_is_noticed_without_sync(clone: ToyClone) -> None:
    (clone.root / "videos" / NAMES[0]).write_bytes(b"other bytes")
    clone.dvc("repro", "inventory@own")
    clone.ran()
    clone.snakemake()
    extracted = [name for name in clone.ran() if name.startswith("extract@")]
    assert extracted == [f"extract@own-{shard_of(NAMES[0], 2)}"]


@pytest.fixture
def fresh(clone: ToyClone, tmp_path: Path) -> ToyClone:
    """A clone without the folder of videos, of one that recorded and pushed all; it has pulled nothing yet."""
    record(clone.project)
    (clone.root / ".git/info/exclude").write_text("/videos\n")
    clone.run("git", "rm", "-rq", "--cached", "videos")
    clone.commit("results")
    clone.dvc("remote", "add", "-d", "--local", "store", str(tmp_path / "store"))
    clone.dvc("push")
    clone.run("git", "clone", "-q", str(clone.root), str(tmp_path / "fresh"))
    fresh = opened(tmp_path / "fresh")
    fresh.dvc("remote", "add", "-d", "--local", "store", str(tmp_path / "store"))
    return fresh


def test_a_fresh_clone_that_pulled_starts_the_new_extraction_only(clone: ToyClone, fresh: ToyClone) -> None:
    fresh.dvc("pull")
    shutil.copytree(clone.root / "videos", fresh.root / "videos")
    sync(fresh.project)
    assert NOTHING in fresh.snakemake("-n")
    add(fresh, "left/n1.mp4")
    fresh.snakemake()
    assert fresh.ran() == sorted(["inventory@own", "extract@own-a01", *AFTER])


def test_a_fresh_clone_without_the_videos_has_nothing_to_run(
    fresh: ToyClone, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh.dvc("pull")
    listed = fresh.project.listing("own").read_bytes()
    assert sync(fresh.project).stale == ()
    assert capsys.readouterr().err.count(KEPT) == 1
    said = fresh.snakemake("-n")
    assert (NOTHING in said, said.count(KEPT)) == (True, 1)
    assert fresh.dvc("status") == CLEAN
    assert fresh.dvc("repro").count(KEPT) == 1  # it has removed the listing by then
    assert fresh.ran() == []
    assert fresh.project.listing("own").read_bytes() == listed
    fresh.run("git", "diff", "--exit-code", "dvc.lock")
    assert sync(fresh.project).stale == ()
    assert NOTHING in fresh.snakemake("-n")

    fresh.edit("params/benchmarks/own.yaml", "on_missing: stop", "on_missing: exclude")
    assert "videos: cannot be listed" in fresh.snakemake(fails=True)  # as the toy puts it


def test_without_videos_and_listing_there_is_nothing_to_go_by_until_it_is_pulled(fresh: ToyClone) -> None:
    with pytest.raises(DataError, match=r"videos: is not a folder.*set `videos`"):
        sync(fresh.project)
    fresh.dvc("pull", "scan@own")
    assert "scan@own" in sync(fresh.project).current


def test_record_tells_snakemake_all_again_where_its_notes_are_gone(clone: ToyClone) -> None:
    record(clone.project)
    before = places(clone, "00")
    record(clone.project)
    assert places(clone, "00") == before
    shutil.rmtree(clone.root / ".snakemake")
    record(clone.project)
    assert places(clone, "00") != before
    (clone.root / TOLD).write_text("{")
    record(clone.project)
    edit_parameters(clone)
    assert {"extract@own-00", "extract@own-01"} <= set(planned(clone))
