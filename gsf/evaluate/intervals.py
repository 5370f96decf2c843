"""Intervals of 95 % for accuracies: how far another draw of as many videos could have moved them.

They speak of the videos alone; what another training would have given is seen from several seeds. Resampling uses
whole numbers only, so that its outcome depends on no mathematical library.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

RESAMPLES = 2_000
SEED = 0  # of every bootstrap: the same scores always give the same interval
Z = 1.959963984540054  # quantile 0.975 of the normal distribution

Interval = tuple[float, float]


def wilson(hits: int, n: int) -> Interval:
    """Score interval of a share `hits / n` of independent videos.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927. Unlike the bootstrap and
    the normal approximation it keeps its coverage near 0 and 1 and is never empty there (Brown, Cai, DasGupta,
    "Interval estimation for a binomial proportion", Statistical Science 2001): accuracies are often near 1.
    """
    share, weight = hits / n, Z * Z / n
    middle = (share + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * math.sqrt(share * (1 - share) / n + weight / (4 * n))
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    return low, 1.0 if hits == n else min(1.0, middle + half)


def stratified_sums(
    values: npt.NDArray[Any], labels: npt.NDArray[Any], *, resamples: int = RESAMPLES, seed: int = SEED
) -> npt.NDArray[np.int64]:
    """Sums by class of videos drawn again with replacement, `(resamples, classes that have videos)`.

    Stratified: each class keeps its number of videos, as in the test split, so that no class is ever empty.

    Args:
        values: `(N,)` whole numbers, one a video, as 0 or 1 for a hit, or -1, 0, 1 for a difference of two hits.
        labels: `(N,)` class of each video.
        resamples: B.
        seed: of the generator.
    """
    generator = np.random.default_rng(seed)
    columns = []
    for label in np.unique(labels):
        own = np.sort(values[labels == label].astype(np.int8))  # so that the order of the videos does not matter
        drawn = generator.integers(0, len(own), size=(resamples, len(own)), dtype=np.int32)
        columns.append(own[drawn].sum(axis=1, dtype=np.int64))
    return np.stack(columns, axis=1)


def percentile_interval(values: npt.NDArray[np.float64]) -> Interval:
    """The 2.5 % and 97.5 % percentiles: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3.

    Always two of the values, without interpolation.
    """
    low, high = np.quantile(values, [0.025, 0.975], method="inverted_cdf")
    return float(low), float(high)


def bootstrap_mean_class(hit: npt.NDArray[np.bool_], labels: npt.NDArray[Any]) -> Interval:
    """Of the mean over classes of the share of hits: percentile bootstrap over videos, stratified by class."""
    sums = stratified_sums(hit, labels)
    counts = np.unique(labels, return_counts=True)[1]
    return percentile_interval((sums / counts).mean(axis=1))
