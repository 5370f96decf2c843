"""What a network got right, video by video: all that a comparison of networks needs of their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gsf.errors import EvaluationError
from gsf.evaluate.metrics import hits, pair_hits
from gsf.evaluate.scores import Scores


@dataclass(frozen=True, eq=False)
class Outcome:
    """Right or wrong for each of N videos, of which M have a class in a reversal pair."""

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    labels: npt.NDArray[Any]  # (N,)
    hit: npt.NDArray[np.bool_]  # (N,) the true class ranks first
    pair_hit: npt.NDArray[np.bool_]  # (M,) the true class ranks before its partner
    pair_rows: npt.NDArray[np.int64]  # (M,) which videos these are

    def of(self, metric: str) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Any]]:
        """Hits of `top1` or `pair_accuracy`, and the classes of their videos; empty without pairs."""
        if metric == "pair_accuracy":
            return self.pair_hit, self.labels[self.pair_rows]
        return self.hit, self.labels

    def check_same_videos(self, other: Outcome, *, where: str) -> None:
        """EvaluationError unless both speak of the same videos, classes and labels in the same order."""
        same = self.ids == other.ids and self.classes == other.classes and np.array_equal(self.labels, other.labels)
        if not same:
            raise EvaluationError(f"{where}: scores of other videos or classes, must be the same; evaluate again")


def outcome_of(scores: Scores, *, reversal_pairs: Sequence[Sequence[str]]) -> Outcome:
    """The outcome of scores; ties as in `gsf.evaluate.metrics`."""
    right, rows = pair_hits(scores, reversal_pairs)
    return Outcome(scores.ids, scores.classes, scores.labels, hits(scores), right, rows)
