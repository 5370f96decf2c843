"""Segments of long videos of one's own: kept as the CSV has them, dealt by recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from gsf.data import inventory, listing
from gsf.data.annotations import read_annotations
from gsf.data.init.own import init_benchmark
from gsf.errors import DataError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.store.plan import read_additions
from tests.data.init.small import fill, split_by_id, written
from tests.data.project import make_project, make_video

COLUMNS = ("id", "start_frame", "stop_frame", "fps")
HEADER = "id,path,label,start_frame,stop_frame,fps\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project")


def row(name: str, video: str, label: str, start: int, stop: int, fps: str = "") -> str:
    return f"{name},{video}.mp4,{label},{start},{stop},{fps}\n"


def six(root: Path) -> Path:
    """Six recordings, each with two segments of both classes."""
    fill(root, *(f"{number}.mp4" for number in range(6)))
    rows = [
        row(f"{number}{label}{start}", str(number), label, start, start + 4, "30000/1001")
        for number in range(6)
        for label in ("cut", "wash")
        for start in (0, 9)
    ]
    (root / "labels.csv").write_text(HEADER + "".join(rows))
    return root


def test_segments_are_kept_as_they_are_and_the_stages_accept_them(project: Project, tmp_path: Path) -> None:
    videos = tmp_path / "films"
    for number, name in enumerate(("a", "b")):
        make_video(videos / f"{name}.mp4", shade=40 + 90 * number, frames=12)
    rows = [row("k1", "a", "cut", 0, 4, "29.97"), row("k2", "a", "wash", 3, 9), row("k3", "b", "cut", 8, 12, "10")]
    (videos / "notes.csv").write_text(HEADER + "".join(rows))
    summary = init_benchmark(project, "mine", videos / "notes.csv")
    assert "segments: 3 of 2 videos, 3 of them new" in str(summary)
    table = (project.root / "params/benchmarks/mine.csv").read_text().splitlines()
    assert table[0] == "path,label,split,id,start_frame,stop_frame,fps"
    assert [line.split(",")[3:] for line in table[1:]] == [
        ["k1", "0", "4", "29.97"], ["k2", "3", "9", ""], ["k3", "8", "12", "10"],
    ]  # fmt: skip
    params = load(Benchmark, project.params_file("benchmarks", "mine"))
    assert (params.extract.max_frames, params.extract.max_seconds) == (400_000, 14_400)  # hours of video
    assert listing.run(project, "mine")
    facts = inventory.run(project, "mine").facts
    assert (facts["annotations"], facts["videos"]) == (3, 2)


def test_a_draw_puts_all_segments_of_a_recording_into_one_split(project: Project, tmp_path: Path) -> None:
    summary = init_benchmark(project, "mine", six(tmp_path / "films"))
    found = read_annotations(project.root / "params/benchmarks/mine.csv")
    splits = {number: {item.split for item in found if item.path == f"{number}.mp4"} for number in range(6)}
    assert all(len(of_video) == 1 for of_video in splits.values())
    assert summary.counts["cut"] == summary.counts["wash"]
    assert summary.counts["cut"]["train"] >= 6
    assert summary.counts["cut"]["test"] >= 2


def test_a_second_call_keeps_splits_and_gives_new_segments_that_of_their_recording(
    project: Project, tmp_path: Path
) -> None:
    videos = six(tmp_path / "films")
    init_benchmark(project, "mine", videos)
    before = split_by_id(project, columns=COLUMNS)
    fill(videos, "new.mp4")
    with (videos / "labels.csv").open("a") as file:
        file.writelines([row(f"{n}late", str(n), "cut", 20, 24) for n in range(6)] + [row("n1", "new", "cut", 0, 4)])
    summary = init_benchmark(project, "mine", videos)
    after = split_by_id(project, columns=COLUMNS)
    assert {name: split for name, split in after.items() if name in before} == before
    assert all(after[f"{number}late"] == before[f"{number}cut0"] for number in range(6))
    assert (summary.added, summary.removed) == (7, 0)
    assert read_additions(project.root / "params/benchmarks/mine.additions.csv") == {"new.mp4": 1}  # no known video


def test_a_recording_that_people_have_parted_stays_parted(project: Project, tmp_path: Path) -> None:
    videos = six(tmp_path / "films")
    init_benchmark(project, "mine", videos)
    table = project.root / "params/benchmarks/mine.csv"
    lines = table.read_text().splitlines()
    parted = {"0cut0": "train", "0cut9": "val", "0wash0": "test"}
    edited = [line.split(",") for line in lines]
    for cells in edited:
        cells[2] = parted.get(cells[3], cells[2])
    table.write_text("\n".join(",".join(cells) for cells in edited) + "\n")
    before = split_by_id(project, columns=COLUMNS)
    with (videos / "labels.csv").open("a") as file:
        file.write(row("0late", "0", "cut", 20, 24))
    init_benchmark(project, "mine", videos)
    after = split_by_id(project, columns=COLUMNS)
    assert {name: split for name, split in after.items() if name in before} == before
    assert after["0late"] in ("train", "val", "test")


def test_a_split_of_the_csv_holds_for_its_row(project: Project, tmp_path: Path) -> None:
    videos = fill(tmp_path / "films", "a.mp4")
    (videos / "labels.csv").write_text(
        "id,path,label,split,start_frame,stop_frame\nk1,a.mp4,x,train,0,4\nk2,a.mp4,y,test,4,8\nk3,a.mp4,x,Val,8,12\n"
    )
    init_benchmark(project, "mine", videos)
    assert split_by_id(project, columns=COLUMNS[:3]) == {"k1": "train", "k2": "test", "k3": "val"}


def test_copies_of_a_recording_may_have_other_labels_and_share_its_split(project: Project, tmp_path: Path) -> None:
    videos = six(tmp_path / "films")
    (videos / "5.mp4").write_bytes((videos / "4.mp4").read_bytes())
    table = videos / "labels.csv"
    table.write_text(table.read_text().replace("5cut9,5.mp4,cut", "5cut9,5.mp4,wash"))
    summary = init_benchmark(project, "mine", videos)
    assert summary.repeated == (("4.mp4", "5.mp4"),)
    splits = split_by_id(project, columns=COLUMNS)
    assert len({split for name, split in splits.items() if name[0] in "45"}) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (row("k1", "a", "x", 0, 4) + row("k2", "a", "y", 5, 2), r"line 3: start_frame '5' and stop_frame '2' must be"),
        (row("k1", "a", "x", 0, 4) + row("k1", "a", "y", 5, 9), r"line 3: id 'k1' is in line 2 already"),
        (row("k1", "a", "x", 0, 4, "fast"), r"line 2: fps 'fast' must be frames a second"),
        (row("k1", "a", "x", 0, 4) + "k2,a.mp4,y,,,\n", r"line 3: path 'a\.mp4' is here as a whole and elsewhere"),
        (
            row("k1", "a", "x", 0, 4) + row("k2", "b", "y", 0, 4) + row("k3", "b", "y", 4, 8),
            r"1 of 2 videos are not in",
        ),
    ],
)
def test_a_wrong_segment_is_an_error_that_names_the_csv_and_its_line(
    project: Project, tmp_path: Path, rows: str, message: str
) -> None:
    videos = fill(tmp_path / "films", "a.mp4")
    (videos / "notes.csv").write_text(HEADER + rows)
    with pytest.raises(DataError, match=rf"{videos}/notes\.csv.*{message}"):
        init_benchmark(project, "mine", videos / "notes.csv")
    assert written(project) == {}


def test_columns_that_people_added_are_not_dropped(project: Project, tmp_path: Path) -> None:
    videos = fill(tmp_path / "films", "x/a.mp4", "y/b.mp4")
    init_benchmark(project, "mine", videos)
    table = project.root / "params/benchmarks/mine.csv"
    text = HEADER.replace("label", "label,split") + "k1,x/a.mp4,x,train,0,4,\nk2,x/a.mp4,y,test,4,8,\n"
    table.write_text(text)
    before = written(project)
    with pytest.raises(DataError, match=r"mine\.csv: has id, start_frame, which the class folders .* must stay; write"):
        init_benchmark(project, "mine", videos)
    assert written(project) == before
    (videos / "labels.csv").write_text(text + "k3,y/b.mp4,y,,0,4,\n")  # as the error says
    init_benchmark(project, "mine", videos)
    assert split_by_id(project, columns=COLUMNS)["k2"] == "test"
