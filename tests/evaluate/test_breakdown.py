from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsf.data.subsets import Subset
from gsf.errors import EvaluationError
from gsf.evaluate.breakdown import Breakdown
from gsf.evaluate.metrics import compute_metrics
from gsf.evaluate.scores import Scores
from gsf.provenance.evaluated import broken_down
from tests.evaluate.test_metrics import make_scores

# take plate, take cup, put plate, put cup
PARTS = [{"verb": verb, "noun": noun} for verb in ("take", "put") for noun in ("plate", "cup")]
MANIFEST = {"class_parts": PARTS}


def logs(*rows: list[float]) -> list[list[list[float]]]:
    """Logits of one view a video, whose softmax is the given probabilities."""
    return [[[float(np.log(value)) for value in row]] for row in rows]


@pytest.fixture
def scores() -> Scores:
    return make_scores(
        logs(
            [0.30, 0.25, 0.05, 0.40],  # take plate: action wrong (put cup leads), verb take 0.55 right, noun wrong
            [0.10, 0.20, 0.60, 0.10],  # put plate: all right
            [0.15, 0.15, 0.30, 0.40],  # take cup: verb wrong (put 0.70), noun right (cup 0.55)
            [0.10, 0.15, 0.35, 0.40],  # put plate: verb right, noun cup 0.55 wrong, action wrong
        ),
        [0, 2, 1, 2],
    )


def measured(scores: Scores, *subsets: Subset) -> dict[str, object]:
    return compute_metrics(scores, reversal_pairs=[], excluded=0, breakdown=Breakdown.of(MANIFEST, subsets))


def test_a_verb_is_as_probable_as_its_actions_together(scores: Scores) -> None:
    metrics = measured(scores)
    assert metrics["verb.top1"] == 3 / 4
    assert metrics["noun.top1"] == 2 / 4
    assert metrics["action.top1"] == metrics["top1"] == 1 / 4
    assert metrics["verb.mean_class"] == pytest.approx((1 / 2 + 1) / 2)  # take 1 of 2, put 2 of 2
    assert metrics["noun.mean_class"] == pytest.approx((1 / 3 + 1) / 2)  # plate 1 of 3, cup 1 of 1
    assert metrics["action.mean_class"] == metrics["mean_class"]
    assert metrics["breakdown"] == {"parts": ["verb", "noun", "action"], "subsets": []}
    assert metrics["verb.top5"] == 1.0  # two verbs


def test_a_subset_is_measured_on_its_videos_and_for_its_part_alone(scores: Scores) -> None:
    metrics = measured(
        scores,
        Subset("unseen", "", frozenset({"v0", "v1"})),
        Subset("tail", "verb", frozenset({"v2", "v3"})),
        Subset("tail", "action", frozenset({"v1"})),
        Subset("nobody", "", frozenset()),
    )
    assert (metrics["unseen.verb.top1"], metrics["unseen.noun.top1"], metrics["unseen.action.top1"]) == (1, 0.5, 0.5)
    assert metrics["tail.verb.top1"] == 0.5
    assert metrics["tail.action.mean_class"] == 1
    assert "tail.noun.top1" not in metrics
    counts = metrics["counts"]
    assert isinstance(counts, dict)
    assert [counts[f"{name}.top1"] for name in ("verb", "unseen.noun", "tail.verb", "tail.action")] == [4, 2, 2, 1]
    names = broken_down(metrics)
    assert names[:3] == ["verb.top1", "verb.top5", "verb.mean_class"]
    assert names[9] == "unseen.verb.top1"
    assert not [name for name in names if "nobody" in name]
    assert set(names) == set(counts)
    assert metrics["intervals"].keys() >= set(names)  # type: ignore[attr-defined]


def test_without_parts_a_subset_is_measured_on_whole_classes(scores: Scores) -> None:
    breakdown = Breakdown.of({}, [Subset("night", "", frozenset({"v0", "v1"}))])
    metrics = compute_metrics(scores, reversal_pairs=[], excluded=0, breakdown=breakdown)
    assert (metrics["night.top1"], metrics["counts"]["night.top1"]) == (0.5, 2)
    assert broken_down(metrics) == ["night.top1", "night.top5", "night.mean_class"]


def test_without_parts_and_subsets_metrics_are_what_they_were(scores: Scores) -> None:
    plain = compute_metrics(scores, reversal_pairs=[], excluded=0)
    assert plain == compute_metrics(scores, reversal_pairs=[], excluded=0, breakdown=Breakdown.of({"classes": []}))
    assert not {"breakdown", "counts"} & plain.keys()
    assert broken_down(plain) == []


@given(seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_a_right_action_follows_from_no_part_but_classes_with_one_noun_have_it_always_right(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = make_scores(generator.normal(size=(12, 2, 4)), generator.integers(0, 4, 12))
    same = Breakdown.of({"class_parts": [{"verb": f"v{i}", "noun": "tap"} for i in range(4)]})
    metrics = compute_metrics(scores, reversal_pairs=[], excluded=0, breakdown=same)
    assert metrics["noun.top1"] == 1
    assert metrics["verb.top1"] == metrics["action.top1"] == metrics["top1"]  # each verb is one class


@pytest.mark.parametrize(
    ("manifest", "subset", "message"),
    [
        (MANIFEST, Subset("tail", "adverb", frozenset()), "for the part 'adverb', must be verb, noun, action"),
        ({}, Subset("tail", "verb", frozenset()), "for the part 'verb', must be empty"),
        (MANIFEST, Subset("noun", "", frozenset()), "has the name of a part"),
    ],
)
def test_a_subset_that_does_not_fit_the_classes_is_an_error(
    manifest: dict[str, object], subset: Subset, message: str
) -> None:
    with pytest.raises(EvaluationError, match=f"here.csv: subset .*{message}"):
        Breakdown.of(manifest, [subset], where="here.csv")


def test_a_part_named_like_the_whole_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="class_parts has a part 'action'"):
        Breakdown.of({"class_parts": [{"action": "a", "noun": "b"}]})


def test_a_subset_of_videos_that_are_not_tested_is_an_error_and_an_excluded_one_is_not() -> None:
    breakdown = Breakdown.of({}, [Subset("night", "", frozenset({"a", "gone"}))])
    breakdown.check_videos(["a", "b"], [{"id": "gone", "split": "test"}], where="here.csv")
    with pytest.raises(EvaluationError, match=r"here.csv: subset 'night' has 'gone' \(1 such\), must be ids of videos"):
        breakdown.check_videos(["a", "b"], [{"id": "gone", "split": "train"}], where="here.csv")
