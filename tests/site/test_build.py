from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gsf.errors import ParamsError, ProvenanceError
from gsf.project import Project
from gsf.proof.chain import known_studies
from gsf.site.build import LISTING, build
from tests.site.made import make_hostile


@pytest.fixture
def few(tmp_path: Path) -> Project:
    """A project with results that takes no time to show."""
    return make_hostile(tmp_path / "project")


def test_a_build_removes_what_the_last_one_wrote_and_it_does_not(few: Project) -> None:
    build(few)
    folder = few.root / "results" / "site"
    listed = json.loads((folder / LISTING).read_bytes())
    old = folder / "trace" / "gone" / "x.html"
    old.parent.mkdir()
    old.write_text("old", encoding="utf-8")
    (folder / LISTING).write_text(json.dumps([*listed, "trace/gone/x.html", "../../dvc.yaml"]), encoding="utf-8")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.html") if path != old}
    build(few)
    assert not old.parent.exists()
    assert (few.root / "dvc.yaml").is_file()  # outside of the folder, whatever the listing says
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.html")} == before  # the same bytes stay
    assert json.loads((folder / LISTING).read_bytes()) == listed


def test_the_site_does_not_pass_for_a_study(few: Project) -> None:
    build(few)
    assert known_studies(few) == ["bad"]


def test_a_folder_of_other_files_is_left_alone(few: Project, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(ParamsError, match="must be empty"):
        build(few, to=tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_study_named_as_the_folder_is_not_written_over(few: Project) -> None:
    few.results("bad").rename(few.results("site"))
    with pytest.raises(ParamsError, match="--to"):
        build(few)


def test_without_results_there_is_nothing_to_show(small_project: Callable[[], Project]) -> None:
    with pytest.raises(ProvenanceError, match="dvc repro"):
        build(small_project())
