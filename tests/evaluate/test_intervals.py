from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsf.evaluate.calibration import BINS, expected_calibration_error
from gsf.evaluate.intervals import bootstrap_mean_class, percentile_interval, stratified_sums, wilson


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_those_of_newcombe_1998_table_1(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits, n) == pytest.approx((low, high), abs=6e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_wilson_interval_holds_its_share_and_mirrors(counts: tuple[int, int]) -> None:
    hits, n = counts
    low, high = wilson(hits, n)
    assert 0 <= low <= hits / n <= high <= 1
    assert low < high
    assert wilson(n - hits, n) == pytest.approx((1 - high, 1 - low))


def test_drawn_videos_keep_the_size_of_their_class_and_its_mean() -> None:
    labels = np.array([2, 0, 0, 2, 2, 0, 0])
    ones = stratified_sums(np.ones(7), labels, resamples=50)
    np.testing.assert_array_equal(ones, np.tile([4, 3], (50, 1)))
    sums = stratified_sums(np.array([0, 1, -1, 1, 0, 1, 1]), labels, resamples=4000)
    np.testing.assert_allclose(sums.mean(axis=0), [2, 1], atol=0.1)


def test_the_bootstrap_of_a_share_has_the_spread_of_a_binomial() -> None:
    hit = np.arange(400) < 300
    low, high = bootstrap_mean_class(hit, np.zeros(400, dtype=np.int64))
    deviation = (0.75 * 0.25 / 400) ** 0.5
    assert (low, high) == pytest.approx((0.75 - 1.96 * deviation, 0.75 + 1.96 * deviation), abs=0.006)
    assert (low, high) == bootstrap_mean_class(hit, np.zeros(400, dtype=np.int64))


def test_percentiles_are_values_that_were_drawn() -> None:
    assert percentile_interval(np.arange(1, 1001) / 1000) == (0.025, 0.975)


def test_calibration_error_of_a_case_computed_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.92, 0.08], [0.4, 0.6], [0.2, 0.8]])
    hit = np.array([True, False, True, True])
    # 0.9 and 0.92 share the bin (13/15, 14/15]; the others are alone in theirs
    expected = (abs(1 - 0.9 - 0.92) + 0.4 + 0.2) / 4
    assert expected_calibration_error(probabilities, hit) == pytest.approx(expected)


def test_a_network_as_sure_as_it_is_right_has_no_calibration_error() -> None:
    probabilities = np.tile([0.75, 0.25], (8, 1))
    assert expected_calibration_error(probabilities, np.arange(8) < 6) == 0
    assert expected_calibration_error(np.tile([1.0, 0.0], (3, 1)), np.zeros(3, dtype=bool)) == 1


def test_a_confidence_at_the_edge_of_a_bin_belongs_to_the_lower_one() -> None:
    edge, above = 12 / BINS, 12.5 / BINS
    probabilities = np.array([[edge, 1 - edge], [above, 1 - above]])
    hit = np.array([True, False])
    assert expected_calibration_error(probabilities, hit) == pytest.approx((1 - edge + above) / 2)
