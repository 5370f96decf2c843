from __future__ import annotations

from pathlib import Path

import pytest

from gsf.data import additions, inventory, listing
from gsf.data.init import init_benchmark
from gsf.errors import DataError, ParamsError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.pipeline import study
from gsf.project import Project
from gsf.store.plan import Sharding, is_planned, read_additions, read_plan
from tests.data.project import ROWS, SHARDS, make_project, make_video, toy, write_benchmark

NEW = [("left/n1.mp4", "left", "train"), ("right/n2.mp4", "right", "train")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The benchmark `toy` with its inventory, two more videos, and a file of additions that has them."""
    project = toy(tmp_path)
    listing.run(project, "toy")
    inventory.run(project, "toy")
    for number, (name, *_) in enumerate(NEW):
        make_video(project.root / "videos" / name, shade=230, frames=4 + number)
    write_benchmark(project, [*ROWS, *NEW])
    file = project.params_file("benchmarks", "toy")
    file.write_text(file.read_text() + "additions: params/benchmarks/toy.additions.csv\n")
    write_batches(project, "left/n1.mp4,1", "right/n2.mp4,2")
    return project


def write_batches(project: Project, *lines: str) -> None:
    (project.root / "params/benchmarks/toy.additions.csv").write_text("\n".join(["path,batch", *lines]) + "\n")


def plans(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in project.shard_plan("toy", "00").parent.iterdir()}


def test_added_videos_have_shards_of_their_own_and_no_other_plan_or_receipt_changes(project: Project) -> None:
    before = plans(project)
    listing.run(project, "toy")
    receipt = inventory.run(project, "toy")
    after = plans(project)
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {"a01.csv", "a01.receipt.json", "a02.csv", "a02.receipt.json"}
    assert [video.id for video in read_plan(project.shard_plan("toy", "a02"))] == ["right/n2.mp4"]
    assert "params/benchmarks/toy.additions.csv" in [item.path for item in receipt.inputs]


def test_a_study_extracts_the_shards_of_its_additions(project: Project) -> None:
    params = load(Benchmark, project.params_file("benchmarks", "toy"))
    assert Sharding.of(project, params).names == ("00", "01", "02", "a01", "a02")
    assert [name for name in ("02", "03", "a01", "a00", "b01") if is_planned(params, name)] == ["02", "a01"]
    for kind, text in {
        "models/tsn": "name: tsn\nbackbone: resnet18\ntemporal: none\nnum_segments: 2\ninput_size: 32\nshort_side: 32\n"
        "dropout: 0.0\n",
        "recipes/r": "name: r\nepochs: 1\nbatch_size: 8\noptimizer: {name: sgd, lr: 0.01, weight_decay: 0.0}\n"
        "warmup_epochs: 0\naugment: {scales: [1.0]}\n",
        "protocols/p": "name: p\nframes: 2\nclips: 1\ncrops: 1\n",
        "studies/s": "study: s\nthreads: 1\nseeds: [0]\nprotocols: [p]\n"
        "experiments: {tsn: {benchmark: toy, model: tsn, recipe: r}}\n",
    }.items():
        path = project.root / "params" / f"{kind}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    plan = study.resolve(project, "s")
    assert list(plan.shards) == ["toy-00", "toy-01", "toy-02", "toy-a01", "toy-a02"]
    assert plan.benchmarks["toy"].additions == "params/benchmarks/toy.additions.csv"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("left/n1.mp4,0", r"line 2: batch '0' must be a number from 1 to 63"),
        ("left/n1.mp4,1\nleft/n1.mp4,2", r"line 3: path 'left/n1\.mp4' is there already"),
        ("left/gone.mp4,1", r"1 of its videos are not annotated, such as left/gone\.mp4"),
    ],
)
def test_additions_that_make_no_sense_are_an_error(project: Project, line: str, message: str) -> None:
    write_batches(project, line)
    listing.run(project, "toy")
    with pytest.raises(DataError, match=message):
        inventory.run(project, "toy")


def test_more_than_64_shards_are_an_error_that_says_how_to_fold_them_back(project: Project) -> None:
    write_batches(project, "left/n1.mp4,62")
    params = load(Benchmark, project.params_file("benchmarks", "toy"))
    with pytest.raises(ParamsError, match=rf"{SHARDS} shards and 62 batches of additions are 65.*fold the additions"):
        Sharding.of(project, params)


def fill(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def test_init_called_again_adds_to_a_large_benchmark_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path / "project")
    videos = fill(tmp_path / "videos", *(f"{label}/{n}.mp4" for label in ("wave", "clap") for n in range(10)))
    init_benchmark(project, "mine", videos)
    file = project.params_file("benchmarks", "mine")
    fill(videos, "wave/small.mp4")
    init_benchmark(project, "mine", videos)
    assert load(Benchmark, file).additions is None  # small: into the hashed shards
    monkeypatch.setattr(additions, "LARGE", 20)
    edited = file.read_text().replace("max_seconds: 300", "max_seconds: 299")
    file.write_text(edited)
    fill(videos, "wave/one.mp4", "clap/two.mp4")
    summary = init_benchmark(project, "mine", videos)
    assert "2 new videos are batch 1 of params/benchmarks/mine.additions.csv" in str(summary)
    params = load(Benchmark, file)
    assert params.additions == "params/benchmarks/mine.additions.csv"
    assert params.extract.max_seconds == 299
    table = project.root / params.additions
    assert read_additions(table) == {"wave/one.mp4": 1, "clap/two.mp4": 1}
    (videos / "wave/one.mp4").unlink()
    fill(videos, "wave/three.mp4")
    init_benchmark(project, "mine", videos)
    assert read_additions(table) == {"clap/two.mp4": 1, "wave/three.mp4": 2}
    assert load(Benchmark, file).additions == params.additions
