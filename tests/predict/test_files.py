"""What videos are called, and which files about them are called what."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from gsf.predict.files import file_name, video_files
from gsf.project import Project
from tests.predict.conftest import answers


def test_a_video_is_called_by_its_path_below_the_one_source_and_with_the_source_where_there_are_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("A/x.mp4", "A/deep/y.MKV", "B/x.mp4"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    assert [file.name for file in video_files([Path("A")])] == ["deep/y.MKV", "x.mp4"]
    assert [file.name for file in video_files([Path("A/x.mp4")])] == ["x.mp4"]
    several = video_files([Path("A"), Path("B"), Path("A/x.mp4")])
    assert [file.name for file in several] == ["A/deep/y.MKV", "A/x.mp4", "B/x.mp4", "A/x.mp4"]
    assert all(file.path.is_file() and file.problem is None for file in several)


def test_names_of_files_differ_whatever_the_videos_are_called() -> None:
    taken: list[str] = []
    for video in ("a/x.mp4", "a-x.mp4", "a/x.mp4", "b/x.mp4", "é" * 300, "ü" + "é" * 300):
        taken.append(file_name(video, taken=taken))
    assert taken[:4] == ["a-x.mp4", "a-x.mp4-2", "a-x.mp4-3", "b-x.mp4"]
    assert len(set(taken)) == len(taken)
    assert all(len(name.encode()) < 220 for name in taken)


def test_two_folders_with_a_video_of_the_same_name_give_two_pictures(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, label in (("A", "up"), ("B", "left")):
        Path(folder).mkdir()
        Path(folder, "x.mp4").write_bytes((project.root / f"data/arrow/videos/{label}/test_000.mp4").read_bytes())
    _, *found = answers(capsys, "A", "B", "--window", "0.25", "--timeline", str(tmp_path / "pictures"))
    assert [item["video"] for item in found] == ["A/x.mp4", "B/x.mp4"]
    one, other = (tmp_path / f"pictures/{folder}-x.mp4.png" for folder in "AB")
    assert Image.open(one).width > 500
    assert one.read_bytes() != other.read_bytes()
