from __future__ import annotations

from pathlib import Path

import pytest

from gsf.data import inventory, listing
from gsf.data.init import additions
from gsf.data.init.common import write_all
from gsf.data.init.own import init_benchmark
from gsf.errors import DataError, ParamsError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.pipeline import study
from gsf.project import Project
from gsf.store.plan import Sharding, is_planned, read_additions, read_plan
from tests.data.init.small import fill
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


def test_init_called_again_adds_in_batches(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    videos = fill(tmp_path / "videos", *(f"{label}/{n}.mp4" for label in ("wave", "clap") for n in range(10)))
    init_benchmark(project, "mine", videos)
    file = project.params_file("benchmarks", "mine")
    init_benchmark(project, "mine", videos)
    assert load(Benchmark, file).additions is None  # nothing new
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
    fill(videos, "wave/three.mp4")
    init_benchmark(project, "mine", videos)
    (videos / "wave/one.mp4").unlink()
    init_benchmark(project, "mine", videos)
    assert read_additions(table) == {"clap/two.mp4": 1, "wave/three.mp4": 2}
    assert load(Benchmark, file).additions == params.additions
    fill(videos, "wave/four.mp4")
    summary = init_benchmark(project, "mine", videos)  # as many as a batch has: they share its shard
    assert "1 new videos join the 1 of batch 1" in str(summary)
    assert read_additions(table) == {"clap/two.mp4": 1, "wave/four.mp4": 1, "wave/three.mp4": 2}


def benchmark(project: Project, *, shards: int) -> Benchmark:
    params = load(Benchmark, project.params_file("benchmarks", "toy"))
    return params.model_copy(update={"shards": shards})


@pytest.mark.parametrize("sizes", [[5] * 80, [1] * 90, [2, 60, 1, 1, 1, 20] * 15])
def test_batches_keep_within_64_shards_and_a_joined_one_is_no_larger_than_what_joins(
    project: Project, sizes: list[int]
) -> None:
    """Until the last shard is taken; then the smallest grows, which is at most an equal share of all."""
    params, table = benchmark(project, shards=32), project.root / "params/benchmarks/toy.additions.csv"
    write_batches(project)
    known: set[str] = {f"old{number}" for number in range(50)}
    full = False
    for call, size in enumerate(sizes):
        before = read_additions(table)
        now = known | {f"{call}-{number}" for number in range(size)}
        found = additions.renew(project, params, known, now)
        assert found is not None
        assert {name: batch for name, batch in found.batches.items() if name in before} == before  # none is moved
        joined = {found.batches[name] for name in now - known}
        assert len(joined) == 1
        there = sum(batch in joined for batch in before.values())
        assert there <= (max(size, len(before) / 32) if full else size)
        full = full or max(found.batches.values()) == 32
        assert max(found.batches.values()) <= 32
        write_all(found.files(project, project.params_file("benchmarks", "toy")))
        known = now


def test_without_a_free_shard_new_videos_go_to_the_hashed_ones(project: Project) -> None:
    params = benchmark(project, shards=64).model_copy(update={"additions": None})
    assert additions.renew(project, params, {"a"}, {"a", "b"}) is None
