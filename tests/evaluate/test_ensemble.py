from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsf.errors import EvaluationError, ParamsError
from gsf.evaluate.ensemble import MemberScores, combine, log_probabilities, run
from gsf.evaluate.metrics import predictions, video_probabilities, video_scores
from gsf.evaluate.scores import Average, Scores, read_scores
from gsf.project import ENSEMBLE, Project
from gsf.provenance.receipt import read_receipt
from tests.evaluate.test_metrics import make_scores
from tests.report.fabricated import make_evaluated


def random(seed: int, *, views: int = 1, average: Average = "logits") -> Scores:
    generator = np.random.default_rng(seed)
    return make_scores(3 * generator.normal(size=(6, views, 4)), np.arange(6) % 4, average=average)


def member(scores: Scores, weight: float = 1.0, name: str = "gsf-s0/8x1x1") -> MemberScores:
    return MemberScores(name, scores, weight)


def test_probabilities_are_averaged_by_weight() -> None:
    one = make_scores(np.log([[[0.7, 0.2, 0.1]]]), [0])
    other = make_scores(np.log([[[0.1, 0.1, 0.8]]]), [0])
    found = combine([member(one, 3), member(other, 1)], average="probabilities")
    np.testing.assert_allclose(video_probabilities(found), [[0.55, 0.175, 0.275]], rtol=1e-6)
    assert (found.views, found.average, found.ids, found.classes) == (1, "logits", one.ids, one.classes)


def test_probabilities_and_logits_can_prefer_different_classes() -> None:
    sure, unsure = make_scores([[[20, 0, 0]]], [0]), make_scores([[[0, 3, 0]]], [0])
    members = [member(sure), member(unsure, 2)]
    assert predictions(combine(members, average="logits")).tolist() == [0]
    assert predictions(combine(members, average="probabilities")).tolist() == [1]


@given(
    seed=st.integers(0, 10_000),
    views=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    averages=st.tuples(*[st.sampled_from(["logits", "probabilities"])] * 2),
    weight=st.floats(0.01, 100),
)
@settings(max_examples=60, deadline=None)
def test_the_mean_is_that_of_the_members_probabilities(
    seed: int, views: tuple[int, int], averages: tuple[Average, Average], weight: float
) -> None:
    one = random(seed, views=views[0], average=averages[0])
    two = random(seed + 1, views=views[1], average=averages[1])
    found = combine([member(one, weight), member(two, 1)], average="probabilities")
    expected = (weight * video_probabilities(one) + video_probabilities(two)) / (weight + 1)
    np.testing.assert_allclose(video_probabilities(found), expected, rtol=1e-4, atol=1e-7)


@given(seed=st.integers(0, 10_000), views=st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_a_network_averaged_with_itself_is_itself(seed: int, views: int) -> None:
    scores = random(seed, views=views)
    for average in ("logits", "probabilities"):
        found = combine([member(scores, 2), member(scores, 0.3)], average=average)  # type: ignore[arg-type]
        np.testing.assert_allclose(video_probabilities(found), video_probabilities(scores), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(
        video_scores(combine([member(scores)] * 2, average="logits")), video_scores(scores), rtol=1e-5, atol=1e-5
    )


def test_no_probability_becomes_zero_where_a_network_is_very_sure() -> None:
    scores = make_scores([[[2000, 0, -2000]]], [2])
    assert np.isfinite(combine([member(scores)] * 2, average="probabilities").logits).all()
    assert log_probabilities(scores).tolist() == [[0, -2000, -4000]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: make_scores(s.logits[:5], s.labels[:5]), "have 6 and 5 videos"),
        (lambda s: replace(s, ids=("x", *s.ids[1:])), "differ in videos: 'v0' and 'x'"),
        (lambda s: make_scores(s.logits[:, :, :3], s.labels % 3), "have 4 and 3 classes"),
        (lambda s: replace(s, classes=("x", *s.classes[1:])), "differ in classes: 'c0' and 'x'"),
        (lambda s: replace(s, labels=s.labels[::-1].copy()), "have other labels, as of 'v0'"),
    ],
)
def test_members_of_other_videos_or_classes_are_an_error_that_names_them(change: object, message: str) -> None:
    scores = random(0)
    other = member(change(scores), name="gsf-s1/16x1x1")  # type: ignore[operator]
    with pytest.raises(EvaluationError, match=f"gsf-s0/8x1x1 and gsf-s1/16x1x1: must be .*{message}"):
        combine([member(scores), other], average="probabilities")


def test_logits_of_a_protocol_that_averages_probabilities_are_an_error() -> None:
    with pytest.raises(EvaluationError, match="gsf-s0/8x1x1: averages probabilities over views"):
        combine([member(random(0, average="probabilities")), member(random(1))], average="logits")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_evaluated(tmp_path)


def test_the_stage_writes_what_an_evaluation_does_and_links_to_its_members(project: Project) -> None:
    members = "tsn-s0/8x1x1:1,gsf-s0/8x2x3:0.5"
    receipt = run(project, benchmark="arrow", study="tiny", run="both-s0", members=members)
    place = project.evaluated("tiny", "both-s0", ENSEMBLE)
    assert place.folder == project.root / "runs/tiny/ensemble/both-s0"
    assert receipt.stage == "ensemble@tiny-both-s0"
    assert set(receipt.outputs) == {project.relative(path) for path in place.outputs}
    links = {item.path: item.receipt for item in receipt.inputs}
    of_member = read_receipt(project.evaluate_receipt("tiny", "gsf-s0", "8x2x3")).digest
    assert links["runs/tiny/evaluate/gsf-s0/8x2x3/scores.safetensors"] == of_member
    assert links["data/arrow/manifest.csv"] == read_receipt(project.manifest_receipt("arrow")).digest
    assert receipt.facts == {"n": 40, "members": 2, "views": 7}
    scores = read_scores(place.scores)
    assert scores.logits.shape == (40, 1, 5)
    assert run(project, benchmark="arrow", study="tiny", run="both-s0", members=members).digest == receipt.digest


def test_a_member_that_is_no_run_or_comes_twice_is_an_error(project: Project) -> None:
    for members, message in (("tsn-s0:1", "must be run/protocol:weight"), ("a/b:1,a/b:2", "a/b is there twice")):
        with pytest.raises(ParamsError, match=message):
            run(project, benchmark="arrow", study="tiny", run="both-s0", members=members)
