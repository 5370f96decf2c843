from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gsf.data import examine, inventory, listing
from gsf.data.columns import INVENTORY
from gsf.errors import DataError, ProvenanceError, VideoError
from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import Receipt, StageResult, read_receipt, root_input, seal
from gsf.store.plan import read_plan, shard_of
from gsf.tables import read_table, write_table
from tests.data.project import ROWS, SHARDS, make_video, toy, write_benchmark


def _run(project: Project) -> Receipt:
    listing.run(project, "toy")
    return inventory.run(project, "toy")


def _table(project: Project) -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in read_table(project.inventory("toy"), INVENTORY)}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return toy(tmp_path)


@pytest.fixture
def read_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are hashed from here on."""
    names: list[str] = []

    def counted(path: Path) -> str:
        names.append(path.name)
        return sha256_file(path)

    monkeypatch.setattr(examine, "sha256_file", counted)
    return names


def test_every_annotated_video_has_a_row_with_its_bytes_and_facts(project: Project) -> None:
    make_video(project.root / "videos/unlabelled.mp4", shade=3)
    receipt = _run(project)
    rows = _table(project)
    assert sorted(rows) == sorted(name for name, *_ in ROWS)
    row = rows["right/-c.mp4"]
    path = project.root / "videos/right/-c.mp4"
    assert (row["sha256"], int(row["bytes"])) == (sha256_file(path), path.stat().st_size)
    facts = [row[key] for key in ("label", "split", "fps", "width", "height", "rotation", "codec", "problem")]
    assert facts == ["right", "train", "10/1", "48", "32", "0", "mpeg4", ""]
    assert row["frames"] == "3"
    assert receipt.stage == "inventory@toy"
    assert receipt.facts["videos"] == 4
    assert receipt.facts["bytes"] == sum(int(row["bytes"]) for row in rows.values())
    assert "videos" not in receipt.content["params"]["params/benchmarks/toy.yaml"]
    assert [item.path for item in receipt.inputs] == ["params/benchmarks/toy.csv"]


def test_plans_hold_every_video_once_and_there_is_one_for_each_shard(project: Project) -> None:
    stale = project.shard_plan("toy", "77")
    stale.parent.mkdir(parents=True)
    stale.write_text("from a time with more shards")
    receipt = _run(project)
    shards = [f"{number:02d}" for number in range(SHARDS)]
    assert sorted(path.stem for path in stale.parent.glob("*.csv")) == shards
    planned = {video.id: shard for shard in shards for video in read_plan(project.shard_plan("toy", shard))}
    assert planned == {name: shard_of(name, SHARDS) for name, *_ in ROWS}
    assert {f"data/toy/plan/{shard}.receipt.json" for shard in shards} < receipt.outputs.keys()
    for shard in shards:
        own = read_receipt(project.plan_receipt("toy", shard))
        assert own.stage == f"plan@toy-{shard}"
        assert own.outputs == {f"data/toy/plan/{shard}.csv": sha256_file(project.shard_plan("toy", shard))}


def test_adding_a_video_changes_its_shard_alone_and_reads_it_alone(project: Project, read_files: list[str]) -> None:
    _run(project)
    before = {path.name: path.read_bytes() for path in project.shard_plan("toy", "00").parent.iterdir()}
    make_video(project.root / "videos/left/new.mp4", shade=250)
    write_benchmark(project, [*ROWS, ("left/new.mp4", "left", "train")])
    read_files.clear()
    _run(project)
    assert read_files == ["new.mp4"]
    after = {path.name: path.read_bytes() for path in project.shard_plan("toy", "00").parent.iterdir()}
    changed = [name for name in after if after[name] != before[name]]
    shard = shard_of("left/new.mp4", SHARDS)
    assert sorted(changed) == [f"{shard}.csv", f"{shard}.receipt.json"]


def test_a_video_is_read_again_when_its_time_or_size_changed(project: Project, read_files: list[str]) -> None:
    _run(project)
    os.utime(project.root / "videos/left/a.mp4", ns=(1, 1))
    make_video(project.root / "videos/left/b.mp4", shade=99, frames=9)
    read_files.clear()
    _run(project)
    assert sorted(read_files) == ["a.mp4", "b.mp4"]
    assert _table(project)["left/b.mp4"]["sha256"] == sha256_file(project.root / "videos/left/b.mp4")


def test_an_interrupted_run_loses_nothing_that_was_hashed(
    project: Project, read_files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = examine._examine, []

    def interrupted(path: Path, name: str, memory: examine._Memory) -> examine.Finding:
        calls.append(name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(path, name, memory)

    monkeypatch.setattr(examine, "_workers", lambda: 1)
    monkeypatch.setattr(examine, "_examine", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _run(project)
    known = project.work("inventory", "toy", "known.jsonl")
    known.write_bytes(known.read_bytes() + b'{"path": "half a li')
    monkeypatch.setattr(examine, "_examine", real)
    done = list(read_files)
    assert len(done) >= 2
    read_files.clear()
    _run(project)
    assert sorted(done + read_files) == ["-c.mp4", "a.mp4", "b.mp4", "d.mp4"]


def test_two_clones_with_their_videos_elsewhere_have_the_same_receipt(project: Project, tmp_path: Path) -> None:
    first = _run(project)
    other = toy(tmp_path / "clone")
    moved = tmp_path / "disk"
    shutil.move(other.root / "videos", moved)
    for name, *_ in ROWS:
        shutil.copy(project.root / "videos" / name, moved / name)
    make_video(moved / "nobody's.mp4", shade=77)
    file = other.params_file("benchmarks", "toy")
    file.write_text(file.read_text().replace("videos: videos", f"videos: {moved}"))
    assert _run(other).digest == first.digest


def test_all_unreadable_videos_are_named_and_what_was_hashed_is_kept(project: Project, read_files: list[str]) -> None:
    (project.root / "videos/left/a.mp4").write_bytes(b"no video")
    (project.root / "videos/right/d.mp4").write_bytes(b"")
    with pytest.raises(VideoError, match=r"(?s)2 videos cannot be read:\n  left/a\.mp4: .*\n  right/d\.mp4: .*exclude"):
        _run(project)
    assert not project.inventory_receipt("toy").exists()
    make_video(project.root / "videos/left/a.mp4", shade=1)
    make_video(project.root / "videos/right/d.mp4", shade=2)
    read_files.clear()
    _run(project)
    assert sorted(read_files) == ["a.mp4", "d.mp4"]


def test_with_exclude_an_unreadable_video_has_a_row_and_a_plan_with_the_problem(project: Project) -> None:
    (project.root / "videos/left/a.mp4").write_bytes(b"no video")
    write_benchmark(project, on_unreadable="exclude")
    receipt = _run(project)
    row = _table(project)["left/a.mp4"]
    assert row["problem"].startswith("left/a.mp4: cannot be probed")
    assert (row["frames"], row["codec"]) == ("", "")
    (planned,) = [v for v in read_plan(project.shard_plan("toy", row["shard"])) if v.id == "left/a.mp4"]
    assert planned.problem == row["problem"]
    assert receipt.facts["problems"] == 1


def test_the_same_bytes_under_two_labels_are_an_error_that_names_both(project: Project) -> None:
    shutil.copy(project.root / "videos/left/a.mp4", project.root / "videos/right/-c.mp4")
    with pytest.raises(DataError, match=r"left/a\.mp4 and right/-c\.mp4 are the same video under two labels, 'left'"):
        _run(project)


def test_the_same_bytes_in_two_splits_are_an_error_and_twice_in_one_are_counted(project: Project) -> None:
    shutil.copy(project.root / "videos/left/a.mp4", project.root / "videos/left/b.mp4")
    with pytest.raises(DataError, match=r"left/a\.mp4 and left/b\.mp4 are the same video in two splits, train and val"):
        _run(project)
    write_benchmark(project, [(name, label, "train") for name, label, _ in ROWS])
    assert _run(project).facts["repeated"] == 1


def test_a_video_that_is_gone_or_was_never_listed_is_an_error(project: Project) -> None:
    write_benchmark(project, [*ROWS, ("left/lost.mp4", "left", "train")])
    with pytest.raises(DataError, match=r"(?s)toy\.csv: 1 videos are not in the folder.*left/lost\.mp4.*gsf scan toy"):
        _run(project)
    write_benchmark(project)
    listing.run(project, "toy")
    (project.root / "videos/left/a.mp4").unlink()
    with pytest.raises(DataError, match=r"left/a\.mp4: cannot be read: No such file"):
        inventory.run(project, "toy")


def test_annotations_that_do_not_exist_are_an_error_that_names_the_parameter_file(project: Project) -> None:
    (project.root / "params/benchmarks/toy.csv").unlink()
    with pytest.raises(DataError, match=r"no such file.*`annotations` in params/benchmarks/toy\.yaml"):
        _run(project)


class TestRendered:
    """A benchmark whose annotations a stage wrote: they commit to the bytes of the videos."""

    @pytest.fixture
    def rendered(self, project: Project) -> Project:
        table = project.data("toy") / "annotations.csv"
        rows = [(*row, sha256_file(project.root / "videos" / row[0])) for row in ROWS]
        write_table(table, ("path", "label", "split", "sha256"), rows)
        file = project.params_file("benchmarks", "toy")
        render = "{seed: 0, width: 32, height: 32, fps: 10, min_frames: 8, max_frames: 8, clips_per_class: {train: 1}}"
        text = file.read_text().replace("params/benchmarks/toy.csv", "data/toy/annotations.csv")
        file.write_text(f"{text}render: {render}\n")
        result = StageResult(
            stage="render@toy",
            command=["gsf", "render", "toy"],
            params={},
            inputs=[root_input(project, project.root / "dvc.yaml")],
            outputs=[table],
            entry="gsf.store.plan",
        )
        seal(project, result, project.render_receipt("toy"))
        return project

    def test_its_annotations_are_linked_to_the_receipt_of_the_rendering(self, rendered: Project) -> None:
        receipt = inventory.run(rendered, "toy")
        (item,) = receipt.inputs
        assert item.path == "data/toy/annotations.csv"
        assert item.receipt is not None

    def test_a_video_that_is_not_what_the_annotations_say_is_an_error(self, rendered: Project) -> None:
        make_video(rendered.root / "videos/left/a.mp4", shade=200)
        with pytest.raises(DataError, match=r"1 videos are not what it says, such as left/a\.mp4: its sha256 is"):
            inventory.run(rendered, "toy")

    def test_annotations_changed_by_hand_are_an_error(self, rendered: Project) -> None:
        table = rendered.data("toy") / "annotations.csv"
        table.write_text(table.read_text().replace(",val,", ",test,"))
        with pytest.raises(ProvenanceError, match="was changed after stage render@toy wrote it"):
            inventory.run(rendered, "toy")
