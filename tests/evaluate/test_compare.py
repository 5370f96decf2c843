from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsf.errors import EvaluationError
from gsf.evaluate.compare import compare, holm, mcnemar
from gsf.evaluate.outcome import outcome_of
from tests.evaluate.test_metrics import PAIRS, make_scores


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_two_sided_binomial_test(one: int, other: int) -> None:
    tail = sum(comb(one + other, k) for k in range(min(one, other) + 1))
    assert mcnemar(one, other) == pytest.approx(min(1.0, 2 * tail / 2 ** (one + other)))
    assert mcnemar(one, other) == mcnemar(other, one)


def test_mcnemar_takes_many_videos() -> None:
    assert mcnemar(0, 5000) == 0
    # against the normal approximation with continuity correction
    assert mcnemar(10000, 10400) == pytest.approx(0.00521, abs=1e-4)


def test_holm_of_a_family_computed_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_equal_networks_do_not_differ() -> None:
    hit = np.arange(20) % 3 == 0
    found = compare(hit, hit, np.arange(20) % 4)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_a_difference_is_that_of_the_accuracies_and_lies_in_its_interval() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.random(200) < 0.5, generator.random(200) < 0.8
    found = compare(first, second, np.arange(200) % 5)
    assert found.difference == pytest.approx(second.mean() - first.mean())
    assert found.low < found.difference < found.high
    assert found.low > 0
    assert found.p < 0.001
    back = compare(second, first, np.arange(200) % 5)
    assert (back.only_first, back.only_second, back.p) == (found.only_second, found.only_first, found.p)


def test_networks_are_compared_on_the_same_videos_only() -> None:
    logits = np.eye(4, dtype=np.float32)[:, None]
    one = outcome_of(make_scores(logits, [0, 1, 2, 3]), reversal_pairs=PAIRS)
    other = outcome_of(make_scores(logits, [1, 0, 2, 3]), reversal_pairs=PAIRS)
    one.check_same_videos(one, where="a")
    with pytest.raises(EvaluationError, match="a and b: scores of other videos or classes, must be the same"):
        one.check_same_videos(other, where="a and b")


def test_an_outcome_says_what_was_right() -> None:
    logits = [[[3, 2, 1, 0, 9]], [[3, 2, 1, 0, 0]], [[0, 0, 1, 2, 0]], [[0, 0, 0, 0, 5]]]
    outcome = outcome_of(make_scores(logits, [0, 1, 3, 4]), reversal_pairs=PAIRS)
    hit, labels = outcome.of("top1")
    assert (hit.tolist(), labels.tolist()) == ([False, False, True, True], [0, 1, 3, 4])
    hit, labels = outcome.of("pair_accuracy")
    assert (hit.tolist(), labels.tolist()) == ([True, False, True], [0, 1, 3])
