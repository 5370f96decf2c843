"""Metrics as a pure function of scores: what `gsf evaluate` writes and `gsf verify --recompute` computes again.

Averages over views are taken in float64, so that neither the number of threads nor the order of the videos matters.
Ranks and ties: `gsf.evaluate.ranking`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gsf.errors import EvaluationError
from gsf.evaluate.breakdown import NOTHING, Breakdown, breakdown_metrics
from gsf.evaluate.calibration import expected_calibration_error
from gsf.evaluate.intervals import bootstrap_mean_class
from gsf.evaluate.ranking import Floats, rank_of_label, recalls, share_interval, softmax
from gsf.evaluate.scores import Array, Average, Scores


def video_scores(scores: Scores) -> Floats:
    """One row of class scores a video, (N, C): the mean over its views of logits or of softmax probabilities."""
    return _averaged(scores.logits, scores.average)


def video_probabilities(scores: Scores) -> Floats:
    """(N, C), each row sums to 1: the softmax of averaged logits, or the averaged probabilities."""
    return probabilities(scores.logits, scores.average)


def probabilities(logits: Array, average: Average) -> Floats:
    """(N, C) of logits (N, V, C): the softmax of their mean over the views, or the mean of each view's softmax."""
    values = _averaged(logits, average)
    return values if average == "probabilities" else softmax(values)


def _averaged(logits: Array, average: Average) -> Floats:
    values: Floats = logits.astype(np.float64)
    if average == "probabilities":
        values = softmax(values)
    averaged: Floats = values.mean(axis=1)
    return averaged


def hits(scores: Scores) -> npt.NDArray[np.bool_]:
    """(N,): whether the true class of each video ranks first."""
    first: npt.NDArray[np.bool_] = rank_of_label(video_scores(scores), scores.labels) == 0
    return first


def pair_hits(
    scores: Scores, reversal_pairs: Sequence[Sequence[str]]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Whether the true class ranks before its partner, and the rows of the videos that this speaks of."""
    partner = _partners(scores.classes, reversal_pairs)
    rows = np.flatnonzero(partner[scores.labels] >= 0)
    return _pair_hits(video_scores(scores), scores.labels, partner), rows


def compute_metrics(
    scores: Scores, *, reversal_pairs: Sequence[Sequence[str]], excluded: int, breakdown: Breakdown = NOTHING
) -> dict[str, Any]:
    """Accuracies as fractions 0..1.

    Args:
        scores: of all videos of the test split.
        reversal_pairs: pairs of class names that are each other run backwards; may be empty.
        excluded: videos of the split that could not be read; only passed on.
        breakdown: parts of the classes and subsets of the videos that get metrics of their own.

    Returns:
        `n`, `top1`, `top5` (top min(5, C)), `per_class` (recall of each class that has videos), `mean_class` (their
        mean), `ece` (`expected_calibration_error`), `excluded`, and, with pairs: `pair_accuracy`, the share of the
        `pair_n` videos whose class is in a pair for which the true class has a higher score than its partner (at equal
        scores: a lower index). `intervals` has `[low, high]` of 95 % by metric: Wilson's of `top1`, `top5` and
        `pair_accuracy`, which are shares of all videos; the stratified bootstrap's of `mean_class`. `ece` has none:
        resampled videos make it larger, always. What a breakdown adds, `breakdown_metrics` says.

    Raises:
        EvaluationError: a pair names a class that the scores do not have.
    """
    scores.check(where="scores")
    values, labels = video_scores(scores), scores.labels
    ranks = rank_of_label(values, labels)
    hit = ranks == 0
    shares = video_probabilities(scores)
    per_class = {scores.classes[label]: recall for label, recall in recalls(hit, labels).items()}
    metrics: dict[str, Any] = {
        "n": len(scores.ids),
        "top1": float(hit.mean()),
        "top5": float((ranks < min(5, len(scores.classes))).mean()),
        "mean_class": float(np.mean(list(per_class.values()))),
        "ece": expected_calibration_error(shares, hit),
        "per_class": per_class,
        "excluded": excluded,
    }
    intervals = {
        "top1": share_interval(hit),
        "top5": share_interval(ranks < min(5, len(scores.classes))),
        "mean_class": bootstrap_mean_class(hit, labels),
    }
    right = _pair_hits(values, labels, _partners(scores.classes, reversal_pairs))
    if right.size:
        metrics |= {"pair_accuracy": float(right.mean()), "pair_n": int(right.size)}
        intervals["pair_accuracy"] = share_interval(right)
    more = breakdown_metrics(values, shares, labels, scores.ids, breakdown)
    intervals |= more.pop("intervals", {})
    return metrics | more | {"intervals": {name: list(interval) for name, interval in intervals.items()}}


def predictions(scores: Scores) -> npt.NDArray[np.int64]:
    """Index of the highest score of each video; the lower index at a tie."""
    best: npt.NDArray[np.int64] = video_scores(scores).argmax(axis=1).astype(np.int64)
    return best


def confusion_rows(scores: Scores) -> Iterator[tuple[str, str]]:
    """`(actual, predicted)` class names, one row a video in the order of the scores."""
    for label, predicted in zip(scores.labels, predictions(scores), strict=True):
        yield scores.classes[label], scores.classes[predicted]


def _partners(classes: Sequence[str], pairs: Sequence[Sequence[str]]) -> npt.NDArray[np.int64]:
    """Index of each class's partner, -1 for a class in no pair."""
    index = {name: number for number, name in enumerate(classes)}
    partner = np.full(len(classes), -1, dtype=np.int64)
    for pair in pairs:
        unknown = [name for name in pair if name not in index]
        if unknown:
            raise EvaluationError(
                f"reversal_pairs: {unknown[0]!r} is not a class of the scores, must be one of {', '.join(classes)}"
            )
        first, second = (index[name] for name in pair)
        if first == second or partner[first] >= 0 or partner[second] >= 0:
            raise EvaluationError(f"reversal_pairs: {pair[0]!r} and {pair[1]!r} must be two classes in no other pair")
        partner[first], partner[second] = second, first
    return partner


def _pair_hits(values: Floats, labels: npt.NDArray[Any], partner: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """For each video whose class is in a pair: whether its class ranks before the partner."""
    rows = np.flatnonzero(partner[labels] >= 0)
    true, other = labels[rows], partner[labels[rows]]
    own, rival = values[rows, true], values[rows, other]
    hits: npt.NDArray[np.bool_] = (own > rival) | ((own == rival) & (true < other))
    return hits
