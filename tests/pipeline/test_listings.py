"""Listings of folders of videos that are not there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gsf.cli import main
from gsf.data import inventory
from gsf.errors import DataError, ParamsError
from gsf.pipeline.listings import list_videos
from gsf.project import Project
from tests.data.project import make_project, write_benchmark
from tests.small_project import make_project as small_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A benchmark with a listing of two videos, of which one has no annotation."""
    made = make_project(tmp_path)
    write_benchmark(made, [("a.mp4", "left", "train")])
    (tmp_path / "videos").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "videos" / name).write_bytes(b"video")
    assert list_videos(made, "toy")
    return made


def test_a_folder_that_is_there_is_listed(project: Project) -> None:
    assert not list_videos(project, "toy")
    (project.root / "videos/b.mp4").unlink()
    assert list_videos(project, "toy")


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("not there", "videos: is not a folder, must hold the videos of toy"),
        ("empty", r"a\.mp4: cannot be read"),  # as a disk leaves it that is not mounted
    ],
)
def test_a_listing_is_kept_where_its_folder_is_gone_and_who_needs_the_videos_says_so(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: str, error: str
) -> None:
    shutil.rmtree(project.root / "videos")
    if how == "empty":
        (project.root / "videos").mkdir()
    listed = project.listing("toy").read_bytes()
    monkeypatch.chdir(project.root)
    assert main(["scan", "toy"]) == 0
    said = capsys.readouterr()
    assert said.out == "toy: the listing is as it was\n"
    assert said.err.startswith(f"{project.root}/videos: is {how}, must hold the videos of toy; its listing is kept")
    assert said.err.endswith("set `videos` in params/benchmarks/toy.yaml\n")
    assert project.listing("toy").read_bytes() == listed
    with pytest.raises(DataError, match=error):
        inventory.run(project, "toy")


def test_an_empty_folder_is_listed_where_nothing_was_listed_before(project: Project) -> None:
    for path in (project.root / "videos").iterdir():
        path.unlink()
    project.listing("toy").write_text("path,bytes,mtime_ns\n")
    assert not list_videos(project, "toy")
    project.listing("toy").unlink()
    assert list_videos(project, "toy")


def test_a_folder_that_is_gone_is_an_error_without_a_listing(project: Project) -> None:
    shutil.rmtree(project.root / "videos")
    project.listing("toy").unlink()
    with pytest.raises(DataError, match=r"videos: is not a folder.*params/benchmarks/toy\.yaml"):
        list_videos(project, "toy")


def test_a_file_in_place_of_the_folder_is_an_error(project: Project) -> None:
    shutil.rmtree(project.root / "videos")
    (project.root / "videos").touch()
    with pytest.raises(DataError, match="videos: is not a folder"):
        list_videos(project, "toy")


def test_a_benchmark_that_the_pipeline_renders_has_no_folder_to_be_gone(tmp_path: Path) -> None:
    made = small_project(tmp_path)
    made.listing("arrow").parent.mkdir(parents=True, exist_ok=True)
    made.listing("arrow").write_text("path,bytes,mtime_ns\n")
    with pytest.raises(ParamsError, match=r"has `render`.*gsf render arrow"):
        list_videos(made, "arrow")
