"""What follows from scores is computed again: a change of any of it must be named."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from gsf.evaluate.scores import read_scores, write_scores
from gsf.project import Project
from gsf.proof.findings import Verdict
from gsf.proof.verify import NOT_RECOMPUTED, Verdicts
from gsf.provenance.hashing import canonical_json
from gsf.report.recompute import check_recomputed, recomputed
from gsf.report.stage import run
from tests.report.fabricated import PROTOCOLS, RUNS, make_evaluated

PLACE = "gsf-s0/8x1x1"
STAGE = "evaluate@tiny-gsf-s0-8x1x1"


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_evaluated(tmp_path_factory.mktemp("recompute"))
    run(project, "tiny")
    return project


@pytest.fixture
def clone(reported: Project, tmp_path: Path) -> Project:
    """What git has of it: no data and no runs."""
    shutil.copytree(reported.results("tiny"), tmp_path / "results" / "tiny")
    return Project(tmp_path)


def broken(project: Project) -> set[str]:
    return {item.link for item in check_recomputed(project, "tiny", {}) if item.kind == "broken"}


def evidence(project: Project, name: str) -> Path:
    return project.results("tiny") / "evidence" / PLACE / name


def test_all_that_a_report_wrote_follows_from_the_scores_in_git(reported: Project, clone: Project) -> None:
    for project in (reported, clone):
        checked: dict[str, int] = {}
        assert list(check_recomputed(project, "tiny", checked)) == []
        assert checked == {"evaluations computed again": len(RUNS) * len(PROTOCOLS)}


def test_changed_scores_are_named_with_all_that_no_longer_follows(clone: Project) -> None:
    scores = read_scores(evidence(clone, "scores.safetensors"))
    scores.logits[:, :, 0] += 10
    write_scores(evidence(clone, "scores.safetensors"), scores)
    assert broken(clone) == {
        STAGE,
        f"results/tiny/evidence/{PLACE}/metrics.json",
        "results/tiny/results.json",
        "results/tiny/comparisons.json",
        "results/tiny/README.md",
    }


def test_a_changed_label_is_named_though_no_logit_changed(clone: Project) -> None:
    scores = read_scores(evidence(clone, "scores.safetensors"))
    scores.labels[3] = (scores.labels[3] + 1) % len(scores.classes)
    write_scores(evidence(clone, "scores.safetensors"), scores)
    assert STAGE in broken(clone)


def test_damaged_scores_are_named(clone: Project) -> None:
    evidence(clone, "scores.safetensors").write_bytes(b"no scores")
    assert broken(clone) == {STAGE}


@pytest.mark.parametrize("key", ["top1", "ece", "intervals", "per_class"])
def test_a_changed_metric_is_named(clone: Project, key: str) -> None:
    metrics = json.loads(evidence(clone, "metrics.json").read_bytes())
    metrics[key] = {} if key in ("intervals", "per_class") else metrics[key] / 2
    evidence(clone, "metrics.json").write_bytes(canonical_json(metrics))
    assert broken(clone) == {f"results/tiny/evidence/{PLACE}/metrics.json"}


@pytest.mark.parametrize("name", ["results.json", "comparisons.json", "time.json"])
def test_a_changed_table_is_named(clone: Project, name: str) -> None:
    path = clone.results("tiny") / name
    text = path.read_text(encoding="utf-8")
    changed = re.sub(r"0\.\d", lambda found: "0.8" if found[0] != "0.8" else "0.7", text, count=1)
    path.write_text(changed if changed != text else '[\n {"n": 1}\n]\n', encoding="utf-8")  # no order of time here
    assert broken(clone) == {f"results/tiny/{name}"}


@pytest.mark.parametrize("name", ["results.json", "time.json", f"evidence/{PLACE}/metrics.json"])
def test_a_table_in_another_layout_is_equal_and_not_broken(clone: Project, name: str) -> None:
    path = clone.results("tiny") / name
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=4), encoding="utf-8")
    found = list(check_recomputed(clone, "tiny", {}))
    assert [(item.kind, item.link) for item in found] == [("equal", f"results/tiny/{name}")]


@pytest.mark.parametrize("start", ["| tsn |", "| tsn-s0, gsf-s0 |"])
def test_a_changed_number_on_the_page_is_named(clone: Project, start: str) -> None:
    path = clone.results("tiny") / "README.md"
    lines = path.read_text(encoding="utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(start))
    cells = lines[at].split(" | ")
    cells[2] = "99.9"
    lines[at] = " | ".join(cells)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert broken(clone) == {"results/tiny/README.md"}


def test_a_changed_confusion_in_the_work_tree_is_named(reported: Project, tmp_path: Path) -> None:
    project = Project(Path(shutil.copytree(reported.root, tmp_path / "copy")))
    path = project.confusion("tiny", "gsf-s0", "8x1x1")
    path.write_text(path.read_text(encoding="utf-8").replace("up,up", "up,down"), encoding="utf-8")
    assert broken(project) == {project.relative(path)}


def test_scores_that_are_not_here_are_absent_and_not_broken(clone: Project) -> None:
    evidence(clone, "scores.safetensors").unlink()
    found = list(check_recomputed(clone, "tiny", {}))
    assert [(item.kind, item.link) for item in found] == [("absent", STAGE)]


def test_the_verdict_says_what_was_computed_again_and_no_longer_that_it_was_not(clone: Project) -> None:
    before = Verdict("tiny", False, {"cells": 30}, (), (NOT_RECOMPUTED, "who made the results"))
    after = recomputed(clone, Verdicts((before,)))
    assert isinstance(after, Verdicts)
    (verdict,) = after.verdicts
    assert verdict.ok
    assert NOT_RECOMPUTED not in verdict.not_proven
    assert verdict.checked["evaluations computed again"] == 6
    assert verdict.to_json()["checked"]["cells"] == 30
