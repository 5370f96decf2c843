"""Splits of earlier calls where the rows of the source have other ids, or say otherwise, by now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from gsf.data.init.own import init_benchmark
from gsf.project import Project
from tests.data.init.small import fill, split_by_id
from tests.data.project import make_project

COLUMNS = ("id", "start_frame", "stop_frame")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project")


def _table(videos: Path, header: str, rows: Sequence[str]) -> None:
    (videos / "labels.csv").write_text("".join(f"{line}\n" for line in (header, *rows)))


def _segment(video: str, number: int, *, split: str = "") -> str:
    """The segments of a video alternate between two classes."""
    return f"{video}{number},{video}.mp4,{('cut', 'wash')[number % 2]},{split},{9 * number},{9 * number + 4}"


def test_whole_videos_keep_their_splits_where_ids_come_later_and_change(project: Project, tmp_path: Path) -> None:
    numbers = range(20)
    videos = fill(tmp_path / "films", *(f"{n:02d}.mp4" for n in range(22)))
    _table(videos, "path,label", [f"{n:02d}.mp4,{'ab'[n % 2]}" for n in numbers])
    init_benchmark(project, "mine", videos)
    before = split_by_id(project)
    assert set(before.values()) == {"train", "val", "test"}

    for name in ("take {}", "{} of monday"):
        rows = [f"{name.format(n)},{n:02d}.mp4,{'ab'[n % 2]}" for n in reversed(numbers)]
        _table(videos, "id,path,label", rows)
        summary = init_benchmark(project, "mine", videos)
        assert split_by_id(project, columns=("id",)) == {name.format(n): before[f"{n:02d}.mp4"] for n in numbers}
        assert (summary.added, summary.removed) == (0, 0)

    rows = [f"{n},{n:02d}.mp4,{'ab'[n % 2]}" for n in range(2, 22)]
    _table(videos, "id,path,label", rows)
    summary = init_benchmark(project, "mine", videos)
    after = split_by_id(project, columns=("id",))
    assert all(after[f"{n}"] == before[f"{n:02d}.mp4"] for n in numbers[2:])
    assert (summary.added, summary.removed) == (2, 2)


def test_a_split_that_the_csv_gives_outweighs_that_of_the_path(project: Project, tmp_path: Path) -> None:
    videos = fill(tmp_path / "films", "a.mp4", "b.mp4")
    _table(videos, "path,label,split", ["a.mp4,x,train", "b.mp4,y,train"])
    init_benchmark(project, "mine", videos)
    _table(videos, "id,path,label,split", ["k1,a.mp4,x,test", "k2,b.mp4,y,"])
    init_benchmark(project, "mine", videos)
    assert split_by_id(project, columns=("id",)) == {"k1": "test", "k2": "train"}


def test_a_recording_that_was_moved_is_not_parted_from_its_new_segments(project: Project, tmp_path: Path) -> None:
    """Its earlier split is no second one: else they were dealt one by one, most of them for training."""
    videos = fill(tmp_path / "films", "A.mp4", "B.mp4")
    header = "id,path,label,split,start_frame,stop_frame"
    others = [_segment("B", number, split="train") for number in range(6)]
    _table(videos, header, [*(_segment("A", number, split="train") for number in range(4)), *others])
    init_benchmark(project, "mine", videos)
    moved = [_segment("A", number, split="test") for number in range(1, 4)]  # the first one is gone
    _table(videos, header, [*moved, *(_segment("A", number) for number in range(4, 16)), *others])
    init_benchmark(project, "mine", videos)
    found = split_by_id(project, columns=COLUMNS)
    assert {split for name, split in found.items() if name[0] == "A"} == {"test"}
