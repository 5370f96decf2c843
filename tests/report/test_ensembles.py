"""An ensemble is a row like any other: in the table, the comparisons, the trace and the checks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gsf.errors import EvaluationError
from gsf.evaluate import ensemble
from gsf.evaluate.scores import read_scores, write_scores
from gsf.params.base import load
from gsf.params.study import Plan
from gsf.project import ENSEMBLE, Project
from gsf.proof.chain import study_chain, whole_chain, work_receipt_path
from gsf.proof.links import check_links, check_names, check_reachable
from gsf.proof.results import check_cells, check_evidence, check_report, read_cells
from gsf.proof.trace import trace
from gsf.provenance.hashing import sha256_file, write_atomically
from gsf.provenance.receipt import read_receipt
from gsf.report.recompute import check_recomputed
from gsf.report.stage import run
from tests.report.fabricated import PLAN, PROTOCOLS, RUNS, make_evaluated

MEMBERS = "tsn-s0/8x1x1:1,gsf-s0/8x2x3:0.5"
SUBSETS = "params/benchmarks/arrow.subsets.csv"
STAGE = "ensemble@tiny-both-s0"


def write_plan(project: Project, *, members: str = MEMBERS) -> None:
    planned = {"run": "both-s0", "experiment": "both", "benchmark": "arrow", "members": members}
    planned |= {"average": "probabilities", "subsets": SUBSETS}
    write_atomically(project.plan_file, json.dumps(PLAN | {"ensembles": {"tiny-both-s0": planned}}).encode())


def make_combined(root: Path) -> Project:
    """A reported study with an ensemble, and metrics of a subset of the videos."""
    project = make_evaluated(root)
    night = "".join(f"night,,{number}.mp4\n" for number in range(10))
    write_atomically(project.root / SUBSETS, f"subset,part,id\n{night}".encode())
    write_plan(project)
    ensemble.run(project, benchmark="arrow", study="tiny", run="both-s0", members=MEMBERS, subsets=SUBSETS)
    run(project, "tiny")
    return project


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_combined(tmp_path_factory.mktemp("ensembles"))


@pytest.fixture
def clone(reported: Project, tmp_path: Path) -> Project:
    """What git has of it: no data and no runs."""
    for name in ("results", "params"):
        shutil.copytree(reported.root / name, tmp_path / name)
    return Project(tmp_path)


def broken(project: Project) -> set[str]:
    return {item.link for item in check_recomputed(project, "tiny", {}) if item.kind == "broken"}


def copy_of_scores(project: Project) -> Path:
    return project.results("tiny") / "evidence" / "both-s0" / ENSEMBLE / "scores.safetensors"


def test_the_table_has_its_cells_and_its_members(reported: Project) -> None:
    cells = {cell.name: cell for cell in read_cells(reported, "tiny")}
    place = reported.evaluated("tiny", "both-s0", ENSEMBLE)
    metrics = json.loads(place.metrics.read_bytes())
    assert cells["arrow/both-s0/ensemble/top1"].value == metrics["top1"]
    assert cells["arrow/both-s0/ensemble/top1"].receipt == read_receipt(place.receipt).digest
    assert (cells["arrow/both-s0/ensemble/night.top1"].value, cells["arrow/both-s0/ensemble/night.top1"].n) == (
        metrics["night.top1"],
        10,
    )
    page = (reported.results("tiny") / "README.md").read_text()
    assert "**arrow, ensemble** (accuracies in %)" in page
    row = next(line for line in page.splitlines() if line.startswith("| both, *ensemble* of 2 |"))
    assert "| 40 | 154 |" in row  # the parameters of both networks
    assert "| both-s0 | probabilities | tsn-s0, 8x1x1: 0.667; gsf-s0, 8x2x3: 0.333 |" in page
    assert "by parts of the classes and subsets of the videos" in page
    assert "| both | night | " in page
    assert "Subsets of the videos: night;" in page


def test_it_is_compared_with_each_of_its_members(reported: Project) -> None:
    records = json.loads((reported.results("tiny") / "comparisons.json").read_bytes())
    own = [item for item in records if item["protocol"] == ENSEMBLE]
    assert [(item["first"], item["second"]) for item in own if item["metric"] == "top1"] == [
        (["tsn-s0", "8x1x1"], ["both-s0", ENSEMBLE]),
        (["gsf-s0", "8x2x3"], ["both-s0", ENSEMBLE]),
    ]
    assert {item["compared"] for item in own} == {2}
    page = (reported.results("tiny") / "README.md").read_text()
    assert "| tsn-s0 (8x1x1), both-s0 | top-1 |" in page
    assert {item["compared"] for item in records if item["protocol"] != ENSEMBLE} == {1}  # families as without it


def test_the_chain_behind_it_holds(reported: Project) -> None:
    chain, report = study_chain(reported, "tiny"), read_receipt(reported.results("tiny") / "report.receipt.json")
    cells = read_cells(reported, "tiny")
    receipts = list(chain.receipts.values())
    starts = [chain.receipts[cell.receipt] for cell in cells]
    found = [
        *check_names(chain),
        *check_cells(reported, chain, cells, report),
        *check_links(chain, [*receipts, report]),
        *check_reachable(chain, chain.closure([report, *starts])),
        *check_evidence(reported, "tiny", receipts),
        *check_report(reported, "tiny", report),
    ]
    # the inventory of this project is made up and has no digest of its videos
    assert [item for item in found if item.link != "inventory@arrow"] == []
    receipt = next(item for item in receipts if item.stage == STAGE)
    assert work_receipt_path(reported, receipt) == reported.evaluated("tiny", "both-s0", ENSEMBLE).receipt
    assert copy_of_scores(reported).is_file()


def test_the_trace_goes_through_its_members_down_to_the_videos(reported: Project) -> None:
    stages = [step.stage for step in trace(reported, "arrow/both-s0/ensemble/night.top1").steps]
    assert stages[0] == STAGE
    assert {"evaluate@tiny-tsn-s0-8x1x1", "evaluate@tiny-gsf-s0-8x2x3", "train@tiny-gsf-s0"} <= set(stages)
    assert "evaluate@tiny-gsf-s1-8x1x1" not in stages
    above = trace(reported, "runs/tiny/evaluate/tsn-s0/8x1x1/scores.safetensors").rests_on_it
    assert STAGE in above
    assert "arrow/both-s0/ensemble/top1" in above
    file = trace(reported, "runs/tiny/ensemble/both-s0/metrics.json")
    assert file.steps[0].stage == STAGE
    assert STAGE in {item.stage for item in whole_chain(reported).receipts.values()}


def test_all_of_it_follows_from_the_scores_in_git(reported: Project, clone: Project) -> None:
    for project in (reported, clone):
        checked: dict[str, int] = {}
        assert list(check_recomputed(project, "tiny", checked)) == []
        number = len(RUNS) * len(PROTOCOLS) + 1
        assert checked == {"evaluations computed again": number, "ensembles combined again": 1}


def test_scores_that_are_not_the_average_of_the_members_are_named(clone: Project) -> None:
    scores = read_scores(copy_of_scores(clone))
    scores.logits[3, 0, 1] += 0.01  # changes no rank
    write_scores(copy_of_scores(clone), scores)
    assert STAGE in broken(clone)
    found = [item.what for item in check_recomputed(clone, "tiny", {}) if item.link == STAGE]
    assert any("its scores are not the average of its members'" in what for what in found)


def test_another_last_bit_is_close_and_not_broken(clone: Project) -> None:
    scores = read_scores(copy_of_scores(clone))
    scores.logits[:] = np.nextafter(scores.logits, np.float32(np.inf))
    write_scores(copy_of_scores(clone), scores)
    found = [item.kind for item in check_recomputed(clone, "tiny", {}) if "average of its members" in item.what]
    assert found == ["close"]


def test_changed_scores_of_a_member_are_named_with_the_ensemble(clone: Project) -> None:
    path = clone.results("tiny") / "evidence" / "tsn-s0" / "8x1x1" / "scores.safetensors"
    scores = read_scores(path)
    scores.logits[:, :, 0] += 10
    write_scores(path, scores)
    assert {STAGE, "evaluate@tiny-tsn-s0-8x1x1"} <= broken(clone)


def test_without_a_members_scores_the_metrics_are_computed_and_the_average_is_absent(clone: Project) -> None:
    (clone.results("tiny") / "evidence" / "tsn-s0" / "8x1x1" / "scores.safetensors").unlink()
    found = list(check_recomputed(clone, "tiny", {}))
    assert {(item.kind, item.link) for item in found} == {("absent", "evaluate@tiny-tsn-s0-8x1x1"), ("absent", STAGE)}


def test_another_table_of_subsets_is_named(clone: Project) -> None:
    write_atomically(clone.root / SUBSETS, b"subset,part,id\nnight,,1.mp4\n")
    found = [item for item in check_recomputed(clone, "tiny", {}) if item.kind == "broken"]
    assert [item.link for item in found] == [STAGE]
    assert f"{SUBSETS}: is not here as it was read" in found[0].what


def test_an_ensemble_of_what_is_not_planned_is_refused(reported: Project, tmp_path: Path) -> None:
    project = Project(Path(shutil.copytree(reported.root, tmp_path / "copy")))
    write_plan(project, members="tsn-s0/9x9x9:1,gsf-s0/8x2x3:0.5")
    assert load(Plan, project.plan_file).ensembles
    with pytest.raises(EvaluationError, match="has 'both-s0' of tsn-s0/9x9x9, must be of planned evaluations"):
        run(project, "tiny")


def test_a_report_of_other_bytes_than_its_ensemble_is_refused(reported: Project, tmp_path: Path) -> None:
    project = Project(Path(shutil.copytree(reported.root, tmp_path / "copy")))
    path = project.evaluated("tiny", "both-s0", ENSEMBLE).metrics
    before = sha256_file(path)
    path.write_bytes(path.read_bytes().replace(b'"top1":', b'"top1":1'))
    assert sha256_file(path) != before
    with pytest.raises(Exception, match=r"ensemble/both-s0/metrics\.json: sha256 is"):
        run(project, "tiny")
