from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gsf.errors import EvaluationError
from gsf.evaluate.metrics import compute_metrics, confusion_rows, predictions, video_scores
from gsf.evaluate.scores import Average, Scores

PAIRS = [["c0", "c1"], ["c2", "c3"]]


def make_scores(logits: object, labels: object, *, average: Average = "logits", crops: int = 1) -> Scores:
    values = np.asarray(logits, dtype=np.float32)
    return Scores(
        ids=tuple(f"v{i}" for i in range(len(values))),
        classes=tuple(f"c{i}" for i in range(values.shape[2])),
        labels=np.asarray(labels, dtype=np.int64),
        logits=values,
        clips=values.shape[1] // crops,
        crops=crops,
        average=average,
    )


@st.composite
def any_scores(draw: st.DrawFn) -> Scores:
    videos, views, classes = draw(st.integers(1, 8)), draw(st.integers(1, 3)), draw(st.integers(4, 7))
    # Few distinct values, so that ties are frequent.
    values = st.integers(-3, 3).map(float)
    logits = draw(arrays(np.float32, (videos, views, classes), elements=values))
    labels = draw(arrays(np.int64, (videos,), elements=st.integers(0, classes - 1)))
    return make_scores(logits, labels, average=draw(st.sampled_from(["logits", "probabilities"])))


def metrics_of(scores: Scores) -> dict[str, object]:
    return compute_metrics(scores, reversal_pairs=PAIRS, excluded=0)


def test_accuracies_of_a_case_computed_by_hand() -> None:
    scores = make_scores(
        [
            [[9, 0, 1, 2, 3, 4]],  # c0: right
            [[9, 8, 1, 2, 3, 4]],  # c1: second, its partner first
            [[9, 8, 7, 6, 5, 4]],  # c3: fourth; its partner c2 before it
            [[9, 8, 7, 6, 5, 4]],  # c5: sixth, in no pair
            [[0, 9, 1, 2, 3, 4]],  # c1: right
        ],
        [0, 1, 3, 5, 1],
    )
    metrics = compute_metrics(scores, reversal_pairs=PAIRS, excluded=2)
    assert metrics.pop("intervals").keys() == {"top1", "top5", "mean_class", "pair_accuracy"}
    assert 0 < metrics.pop("ece") < 1
    assert metrics == {
        "n": 5,
        "top1": 2 / 5,
        "top5": 4 / 5,
        "mean_class": (1 + 0.5 + 0 + 0) / 4,
        "per_class": {"c0": 1.0, "c1": 0.5, "c3": 0.0, "c5": 0.0},
        "excluded": 2,
        "pair_accuracy": 2 / 4,
        "pair_n": 4,
    }
    assert list(confusion_rows(scores))[:2] == [("c0", "c0"), ("c1", "c0")]


def test_logits_and_probabilities_can_prefer_different_classes() -> None:
    views = [[[20, 0, 0], [0, 2, 0], [0, 2, 0]]]
    assert predictions(make_scores(views, [0])).tolist() == [0]
    assert predictions(make_scores(views, [0], average="probabilities")).tolist() == [1]


def test_at_equal_scores_the_lower_index_ranks_first() -> None:
    scores = make_scores([[[1, 1, 0, 0]], [[1, 1, 0, 0]]], [0, 1])
    metrics = metrics_of(scores)
    assert predictions(scores).tolist() == [0, 0]
    assert metrics["per_class"] == {"c0": 1.0, "c1": 0.0}
    assert metrics["pair_accuracy"] == 0.5


def test_pair_accuracy_is_absent_without_pairs_or_videos_in_them() -> None:
    scores = make_scores([[[1, 0, 0, 0, 2]]], [4])
    assert "pair_accuracy" not in compute_metrics(scores, reversal_pairs=[], excluded=0)
    assert "pair_accuracy" not in compute_metrics(scores, reversal_pairs=PAIRS, excluded=0)


def test_huge_logits_do_not_overflow_as_probabilities() -> None:
    values = video_scores(make_scores([[[3e38, -3e38, 0, 0]]], [0], average="probabilities"))
    assert values.tolist() == [[1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([["c0", "up"]], "'up' is not a class"),
        ([["c0", "c0"]], "must be two classes"),
        ([["c0", "c1"], ["c1", "c2"]], "in no other pair"),
    ],
)
def test_pairs_that_contradict_the_classes_are_an_error(pairs: list[list[str]], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        compute_metrics(make_scores([[[1, 0, 0, 0]]], [0]), reversal_pairs=pairs, excluded=0)


@given(scores=any_scores(), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_videos_does_not_matter(scores: Scores, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(scores.ids))
    shuffled = make_scores(scores.logits[order], scores.labels[order], average=scores.average)
    assert metrics_of(shuffled) == metrics_of(scores)


@given(scores=any_scores())
@settings(max_examples=60, deadline=None)
def test_top1_agrees_with_the_confusion_and_never_exceeds_top5(scores: Scores) -> None:
    metrics = compute_metrics(scores, reversal_pairs=PAIRS, excluded=0)
    hits = [actual == predicted for actual, predicted in confusion_rows(scores)]
    assert metrics["top1"] == np.mean(hits)
    assert metrics["top1"] <= metrics["top5"] <= 1
    assert len(scores.classes) > 5 or metrics["top5"] == 1


@given(scores=any_scores())
@settings(max_examples=60, deadline=None)
def test_a_right_top1_is_right_within_its_pair(scores: Scores) -> None:
    metrics = compute_metrics(scores, reversal_pairs=PAIRS, excluded=0)
    if "pair_accuracy" in metrics:
        in_pair = scores.labels < 4
        best = predictions(scores)
        assert metrics["pair_n"] == in_pair.sum()
        assert metrics["pair_accuracy"] >= np.mean(best[in_pair] == scores.labels[in_pair])


@given(scores=any_scores())
@settings(max_examples=40, deadline=None)
def test_a_view_seen_twice_changes_nothing(scores: Scores) -> None:
    doubled = make_scores(np.repeat(scores.logits, 2, axis=1), scores.labels, average=scores.average)
    expected = video_scores(scores)
    np.testing.assert_allclose(video_scores(doubled), expected, atol=1e-12)
