"""A number that is forged together with all that rests on it: what still finds it, and what says that nothing can."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gsf.evaluate.scores import read_scores, write_scores
from gsf.project import Project
from gsf.proof.findings import Verdict
from gsf.proof.verify import verify_study
from gsf.provenance.hashing import canonical_json
from gsf.report.recompute import recomputed
from tests.proof.finished import STUDY, commit
from tests.proof.tamper.project import PROTOCOL, build, follow, publish, seal_evaluation

RUN = "gsf-s0"
PLACE = (STUDY, RUN, PROTOCOL)
STAGE = f"evaluate@{STUDY}-{RUN}-{PROTOCOL}"
UNSIGNED = "no signature is looked at"


@pytest.fixture(scope="module")
def built(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return build(small_data, tmp_path_factory.mktemp("whole"))


@pytest.fixture
def project(built: Project, tmp_path: Path) -> Project:
    copy = Path(shutil.copytree(built.root.parent, tmp_path / "copy"))  # with the files from elsewhere
    return Project(copy / built.root.name)


def checked(project: Project) -> tuple[Verdict, Verdict]:
    """The verdict of the deep check, and the same with all computed again."""
    verdict = verify_study(project, STUDY, deep=True)
    again = recomputed(project, verdict)
    assert isinstance(again, Verdict)
    return verdict, again


def test_a_metric_forged_up_to_the_table_does_not_follow_from_the_scores(project: Project) -> None:
    path = project.metrics(*PLACE)
    path.write_bytes(canonical_json({**json.loads(path.read_bytes()), "top1": 0.25}))
    seal_evaluation(project, RUN, "arrow")
    publish(project)
    verdict, again = checked(project)
    assert verdict.ok
    assert verdict.of("uncommitted")
    assert again.of("broken")[0].link == STAGE
    assert "metrics.json does not follow from the scores" in again.of("broken")[0].what
    commit(project)
    assert verify_study(project, STUDY).findings == ()
    assert not checked(project)[1].ok


def test_scores_forged_up_to_the_table_leave_a_chain_that_agrees_and_the_verdict_says_so(project: Project) -> None:
    scores = read_scores(project.scores(*PLACE))
    scores.logits[:] = -scores.logits
    write_scores(project.scores(*PLACE), scores)
    follow(project, RUN, "arrow", scores)
    publish(project)
    commit(project)
    for verdict in checked(project):
        assert verdict.findings == ()
        assert any(UNSIGNED in line for line in verdict.not_proven)
        assert any("that the stages were run as the receipts say" in line for line in verdict.not_proven)
