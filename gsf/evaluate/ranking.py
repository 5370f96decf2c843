"""Ranks of classes, and the shares of videos that follow from them.

Ties: of classes with equal scores the one with the lower index ranks first, everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gsf.evaluate.intervals import Interval, wilson

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]


def softmax(values: Floats) -> Floats:
    """Over the last axis."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def rank_of_label(values: Floats, labels: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """How many classes stand before the true one: those with a higher score, or an equal one and a lower index.

    Args:
        values: `(N, C)` scores.
        labels: `(N,)` index of the true class.
    """
    own = values[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(values.shape[1])[None, :] < labels[:, None]
    ranks: npt.NDArray[np.int64] = ((values > own) | ((values == own) & earlier)).sum(axis=1)
    return ranks


def share_interval(hit: Booleans) -> Interval:
    """Wilson's interval of the share of hits among independent videos."""
    return wilson(int(hit.sum()), len(hit))


def recalls(hit: Booleans, labels: npt.NDArray[Any]) -> dict[int, float]:
    """Share of hits by class, of the classes that have videos, in order of their index."""
    return {int(label): float(hit[labels == label].mean()) for label in np.unique(labels)}
