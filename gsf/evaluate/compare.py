"""Two networks on the same videos: which differences are more than the chance of these videos.

A pure function of what each got right, video by video. It compares two trained networks; whether another training of
the same two methods would differ alike is seen from several seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gsf.evaluate.intervals import percentile_interval, stratified_sums

LEVEL = 0.05  # of Holm's procedure: the chance that any difference of a family is called real and is not


@dataclass(frozen=True)
class Comparison:
    """The second against the first on n videos."""

    n: int
    only_first: int  # videos that the first alone gets right
    only_second: int
    low: float  # of the difference, 95 %
    high: float
    p: float  # exact McNemar

    @property
    def difference(self) -> float:
        """Accuracy of the second less that of the first."""
        return (self.only_second - self.only_first) / self.n


def compare(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_], labels: npt.NDArray[Any]) -> Comparison:
    """Compare two networks by what each gets right.

    The interval is that of a percentile bootstrap of the difference: videos are drawn again, with what both networks
    made of them, stratified by class (`gsf.evaluate.intervals`).

    Args:
        first: `(N,)` hits of one network.
        second: `(N,)` hits of the other, on the same videos in the same order.
        labels: `(N,)` class of each video.
    """
    difference = second.astype(np.int8) - first.astype(np.int8)
    low, high = percentile_interval(stratified_sums(difference, labels).sum(axis=1) / len(difference))
    only_first, only_second = int((difference < 0).sum()), int((difference > 0).sum())
    p = mcnemar(only_first, only_second)
    return Comparison(len(difference), only_first, only_second, low, high, p)


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p of the hypothesis that both are right equally often.

    Of the videos that one network alone gets right, each is then either's by the toss of a coin: a binomial test.
    McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 1947.
    Computed in whole numbers.
    """
    tosses = only_first + only_second
    tail = term = 1  # the number of outcomes with 0 heads
    for heads in range(1, min(only_first, only_second) + 1):
        term = term * (tosses - heads + 1) // heads
        tail += term
    if 2 * tail >= 1 << tosses:
        return 1.0
    return _quotient(2 * tail, tosses)


def holm(values: Sequence[float]) -> list[float]:
    """p-values of a family of comparisons, adjusted: below a level, the difference is real at this level in the family.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979.
    """
    adjusted, largest = [0.0] * len(values), 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = largest
    return adjusted


def _quotient(number: int, power: int) -> float:
    """`number / 2**power`, also where both are beyond the range of a float; 0 where the quotient is."""
    excess = max(0, number.bit_length() - 64)
    return math.ldexp(number >> excess, excess - power)
