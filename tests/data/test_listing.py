from __future__ import annotations

import os
from pathlib import Path

import pytest

from gsf.data import listing
from gsf.data.listing import scan
from gsf.errors import DataError, ParamsError
from gsf.tables import read_table
from tests.data.project import make_project, write_benchmark
from tests.small_project import make_project as small_project


def _fill(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def test_only_video_files_that_are_not_hidden_are_listed_sorted_by_bytes(tmp_path: Path) -> None:
    _fill(tmp_path, "b/z.MP4", "b/é.webm", "a.avi", ".hidden.mp4", ".git/x.mp4", "labels.csv", "b/notes.txt")
    assert [(item.path, item.bytes) for item in scan(tmp_path)] == [("a.avi", 5), ("b/z.MP4", 7), ("b/é.webm", 9)]


def test_links_to_files_and_folders_are_followed_and_circles_end(tmp_path: Path) -> None:
    _fill(tmp_path / "elsewhere", "x.mp4", "deep/y.mp4")
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "linked.mp4").symlink_to(tmp_path / "elsewhere/x.mp4")
    (folder / "more").symlink_to(tmp_path / "elsewhere/deep")
    (folder / "circle").symlink_to(folder)
    (folder / "broken.mp4").symlink_to(tmp_path / "nowhere.mp4")
    assert [(item.path, item.bytes) for item in scan(folder)] == [("linked.mp4", 5), ("more/y.mp4", 10)]


def test_listing_is_rewritten_only_when_the_folder_changed(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    write_benchmark(project)
    _fill(tmp_path / "videos", "a.mp4")
    assert listing.run(project, "toy")
    os.utime(project.listing("toy"), ns=(1, 1))
    assert not listing.run(project, "toy")
    assert project.listing("toy").stat().st_mtime_ns == 1
    _fill(tmp_path / "videos", "b.mp4")
    assert listing.run(project, "toy")
    rows = read_table(project.listing("toy"), listing.COLUMNS)
    assert [row["path"] for row in rows] == ["a.mp4", "b.mp4"]
    os.utime(tmp_path / "videos/a.mp4", ns=(5, 5))
    assert listing.run(project, "toy")
    assert read_table(project.listing("toy"), listing.COLUMNS)[0]["mtime_ns"] == "5"


def test_a_missing_folder_is_an_error_that_names_the_parameter_file(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    write_benchmark(project)
    with pytest.raises(DataError, match=r"videos: is not a folder.*params/benchmarks/toy\.yaml"):
        listing.run(project, "toy")


def test_a_benchmark_that_the_pipeline_renders_is_not_scanned(tmp_path: Path) -> None:
    project = small_project(tmp_path)
    with pytest.raises(ParamsError, match=r"params/benchmarks/arrow\.yaml: has `render`.*gsf render arrow"):
        listing.run(project, "arrow")
    assert not project.listing("arrow").exists()


def touch_name_that_is_no_text(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        (Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.mp4"))).touch()
    except OSError:
        pytest.skip("this file system has UTF-8 names only")


def test_a_file_name_that_is_not_text_is_an_error_where_all_files_are_meant(tmp_path: Path) -> None:
    touch_name_that_is_no_text(tmp_path)
    with pytest.raises(DataError, match="1 names of videos are not UTF-8"):
        scan(tmp_path)


def test_a_listing_leaves_out_and_names_what_no_annotation_can_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path)
    write_benchmark(project)
    _fill(tmp_path / "videos", "text.mp4")
    touch_name_that_is_no_text(tmp_path / "videos")
    listing.run(project, "toy")
    assert listing.read_listing(project.listing("toy")) == {"text.mp4"}
    assert "1 names of videos are not UTF-8, such as 'caf\\udce9.mp4': they are left out" in capsys.readouterr().err


def test_a_link_that_leads_to_itself_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "circle.mp4").symlink_to("circle.mp4")
    (tmp_path / "nowhere.mp4").symlink_to("absent.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "file.mp4").touch()
    assert [item.path for item in scan(tmp_path)] == ["file.mp4"]
