"""`gsf init` and `gsf annotate` as people call them: no option is ignored, and errors say what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gsf.cli import main
from gsf.data import listing
from gsf.data.published.formats import BENCHMARKS
from gsf.data.remedies import anchor, with_remedy
from gsf.params.benchmark import Format
from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from tests.data.init.small import written
from tests.data.project import make_project
from tests.data.published.small import write
from tests.data.test_listing import touch_name_that_is_no_text
from tests.docs.pages import anchors


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project, which is the current folder, with published files and a folder for videos beside it."""
    project = make_project(tmp_path / "project")
    write(tmp_path / "lists", "ssv2")
    (tmp_path / "videos").mkdir()
    monkeypatch.chdir(project.root)
    return project


PUBLISHED = ("init", "mine", "../videos", "--published", "ssv2", "--annotations", "../lists")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--seed", "0"), ("--seed", "3"), ("--labels", "x.csv"), ("--flip", "free"), ("--flip-pair", "a,b"),
     ("--source", "videos")],
)  # fmt: skip
def test_what_published_files_decide_is_refused(
    project: Project, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    assert main([*PUBLISHED, option, value]) == 1
    assert f"{option} must not come with --published" in capsys.readouterr().err
    assert written(project) == {}


def test_a_second_call_says_that_shards_were_kept(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    note = "note: params/benchmarks/mine.yaml was kept: edit it to change shards"
    assert main([*PUBLISHED, "--shards", "2"]) == 0
    assert note not in capsys.readouterr().out
    assert main([*PUBLISHED, "--shards", "3"]) == 0
    assert note in capsys.readouterr().out
    assert main([*PUBLISHED]) == 0
    assert note not in capsys.readouterr().out


def test_an_error_in_a_published_file_says_where_to_get_it(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remedy = "; get the file again from its makers: docs/benchmarks.md#something-something-v2-ssv2\n"
    assert main([*PUBLISHED]) == 0
    listing.run(project, "mine")
    (tmp_path / "lists/labels.json").write_text("[]")
    assert main(["init", "other", *PUBLISHED[2:]]) == 1
    error = capsys.readouterr().err
    assert "lists/labels.json: must be an object of class names and ids" in error
    assert error.endswith(remedy)
    assert main(["annotate", "mine"]) == 1
    assert "published.sha256 says; get that file, or write" in (error := capsys.readouterr().err)
    assert not error.endswith(remedy)  # it has one


def test_the_annotate_stage_says_so_too(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = tmp_path / "lists/train.json"
    assert main([*PUBLISHED]) == 0
    listing.run(project, "mine")
    before = sha256_file(train)
    train.write_text("{}")
    file = project.params_file("benchmarks", "mine")
    file.write_text(file.read_text().replace(before, sha256_file(train)))
    assert main(["annotate", "mine"]) == 1
    error = capsys.readouterr().err
    assert "train.json: holds dict, must be a list of objects; get the file again from its makers" in error


def test_an_error_about_videos_beside_the_published_files_is_not_taken_for_theirs(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    videos = tmp_path / "lists/videos"
    call = ["init", "mine", "../lists/videos", *PUBLISHED[3:]]
    touch_name_that_is_no_text(videos)
    assert main(call) == 1
    assert capsys.readouterr().err.endswith("names of videos are not UTF-8, such as 'caf\\udce9.mp4'; rename them\n")
    scandir = os.scandir

    def forbidding(folder: str) -> Iterator[os.DirEntry[str]]:
        if folder == str(videos):
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr("gsf.data.listing.os.scandir", forbidding)  # root may list every folder
    assert main(call) == 1
    assert capsys.readouterr().err.endswith(
        f"{videos}: cannot be listed: Permission denied; every folder must be readable\n"
    )


@pytest.mark.parametrize("format", BENCHMARKS)
def test_the_page_has_the_part_that_a_remedy_names(format: Format) -> None:
    assert anchor(format) in anchors("docs/benchmarks.md")


@pytest.mark.parametrize(
    ("message", "added"),
    [
        ("/x/lists/a.csv, line 2: id 'a; b' must be one name", "; get the file again from its makers: "),
        ("/x/lists: has a.csv and b.csv, must have one of them", "; remove the files that are not meant: "),
        ("/x/lists/a.csv, line 2: is wrong; save it as UTF-8", ""),
        ("/x/lists/videos: 1 names of videos are not UTF-8, such as 'b'; rename them", ""),
        ("/x/lists/videos: cannot be listed: Permission denied; every folder must be readable", ""),
        ("/x/lists2/a.csv: is wrong", ""),
        ("params/benchmarks/x.yaml: is wrong", ""),
    ],
)
def test_a_remedy_is_added_to_what_is_said_of_published_files_without_one(message: str, added: str) -> None:
    found = with_remedy(message, Path("/x/lists"), "ucf101")
    assert found == (f"{message}{added}docs/benchmarks.md#ucf101-ucf101" if added else message)
