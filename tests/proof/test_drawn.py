"""Pictures beside the results: each is the one that its index lists; what they show is said to be unproven."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gsf.project import Project
from gsf.proof.findings import Verdict
from gsf.proof.verify import verify_study
from tests.proof.drawn import draw
from tests.proof.finished import commit

Copy = Callable[[], Project]
SHOWN = "what the pictures in results/demo/{} show"


def checked(project: Project) -> Verdict:
    return verify_study(project, "demo")


def broken(project: Project) -> list[tuple[str, str]]:
    return [(item.link, item.what) for item in checked(project).of("broken")]


@pytest.fixture
def drawn(finished_copy: Copy) -> tuple[Project, Path, Path]:
    """A finished study with pictures, and the folders in which they lie."""
    project = finished_copy()
    folders = draw(project)
    commit(project)
    return project, *folders


def test_study_without_pictures_says_nothing_of_them(finished: Project) -> None:
    assert not any("pictures" in line for line in checked(finished).not_proven)


def test_pictures_hold_as_they_were_drawn_and_what_they_show_is_not_proven(drawn: tuple[Project, Path, Path]) -> None:
    verdict = checked(drawn[0])
    assert verdict.findings == ()
    for kind in ("frames", "gates"):
        assert [line for line in verdict.not_proven if line.startswith(SHOWN.format(kind))]
    assert not any("other receipts" in line for line in verdict.not_proven)


def test_changed_missing_and_added_pictures_are_named(drawn: tuple[Project, Path, Path]) -> None:
    project, frames, gates = drawn
    picture = frames / "000.webp"
    picture.write_bytes(picture.read_bytes()[:-1] + b"?")
    (gates / "left.png").unlink()
    (frames.parent / "note.txt").write_text("mine", encoding="utf-8")
    (gates / "more").mkdir()
    (gates / "more" / "left.png").write_bytes(b"?")
    changed, *others = broken(project)
    assert changed[0] == "results/demo/frames/arrow/000.webp"
    assert "frames.json says" in changed[1]
    assert others == [
        ("results/demo/frames/note.txt", "no frames.json lists it"),
        ("results/demo/gates/gsf-s0/left.png", "is missing, gates.json lists it"),
        ("results/demo/gates/gsf-s0/more/left.png", "no gates.json lists it"),
    ]


def test_damaged_or_missing_index_is_named(drawn: tuple[Project, Path, Path]) -> None:
    project, frames, gates = drawn
    (frames / "frames.json").write_text("{", encoding="utf-8")
    index = json.loads((gates / "gates.json").read_bytes())
    index["clips"][0]["file"] = "../left.png"
    (gates / "gates.json").write_text(json.dumps(index), encoding="utf-8")
    assert [link for link, _ in broken(project)] == [
        "results/demo/frames/arrow/frames.json",
        "results/demo/gates/gsf-s0/gates.json",
    ]
    (frames / "frames.json").unlink()
    (gates / "gates.json").unlink()
    assert [link.removeprefix("results/demo/") for link, _ in broken(project)] == [
        *("frames/arrow/000.webp", "frames/arrow/001.webp"),
        *("gates/gsf-s0/left.png", "gates/gsf-s0/right.png"),
    ]


def test_pictures_of_earlier_results_are_named_as_not_proven(drawn: tuple[Project, Path, Path]) -> None:
    project, _, gates = drawn
    index = json.loads((gates / "gates.json").read_bytes())
    (gates / "gates.json").write_text(json.dumps({**index, "receipt": "0" * 64}), encoding="utf-8")
    verdict = checked(project)
    assert verdict.ok
    (line,) = (line for line in verdict.not_proven if "other receipts" in line)
    assert "results/demo/gates/gsf-s0" in line
    assert "`gsf gates demo`" in line
