"""Accuracies by the parts of classes and on named subsets of videos: verb, noun and action; unseen participants.

A class may consist of named parts, as `take plate` does of the verb `take` and the noun `plate`; the whole is then
called an action. The probability of a verb is the sum of the probabilities of the actions that contain it, and that of
a noun alike: each action has one verb, so the verbs' probabilities sum to 1. Metrics are named
`[SUBSET.][PART.]METRIC`: `noun.top5`, `unseen.verb.top1`, and without parts `night.top1`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gsf.data.subsets import Subset
from gsf.errors import EvaluationError
from gsf.evaluate.intervals import Interval, bootstrap_mean_class
from gsf.evaluate.ranking import Booleans, Floats, rank_of_label, recalls, share_interval

WHOLE = "action"  # what a class is called where classes have parts


@dataclass(frozen=True)
class Breakdown:
    """What else than all classes on all videos is measured."""

    parts: Mapping[str, tuple[str, ...]]  # name of a part: what each class has there, in the order of the classes
    subsets: tuple[Subset, ...]

    @classmethod
    def of(cls, manifest: Mapping[str, Any], subsets: Iterable[Subset] = (), *, where: str = "subsets") -> Breakdown:
        """From the content of manifest.json and a table of subsets.

        Raises:
            EvaluationError: a subset is for a part that the classes do not have, or has a video that is no test video;
                `where` is the table.
        """
        rows = manifest.get("class_parts", [])
        names = list(rows[0]) if rows else []
        if WHOLE in names:
            raise EvaluationError(f"class_parts has a part {WHOLE!r}, must have another name: it is that of the whole")
        found = cls({name: tuple(row[name] for row in rows) for name in names}, tuple(subsets))
        for subset in found.subsets:
            known = ["", *names, *([WHOLE] if names else [])]
            if subset.part not in known:
                listed = ", ".join(known[1:]) or "empty"
                raise EvaluationError(
                    f"{where}: subset {subset.name!r} is for the part {subset.part!r}, must be {listed}"
                )
            if subset.name in (*names, WHOLE):
                raise EvaluationError(
                    f"{where}: subset {subset.name!r} has the name of a part, must have one of its own"
                )
        return found

    def check_videos(self, ids: Iterable[str], excluded: Iterable[Mapping[str, str]], *, where: str) -> None:
        """EvaluationError unless every video of a subset is a test video: one of `ids`, or excluded."""
        known = {*ids, *(row["id"] for row in excluded if row["split"] == "test")}
        for subset in self.subsets:
            unknown = sorted(subset.ids - known)
            if unknown:
                raise EvaluationError(
                    f"{where}: subset {subset.name!r} has {unknown[0]!r} ({len(unknown)} such), must be ids of videos"
                    " in the test split"
                )

    @property
    def whole_and_parts(self) -> tuple[str, ...]:
        """The parts, then the whole; empty where classes have no parts."""
        return (*self.parts, WHOLE) if self.parts else ()


NOTHING = Breakdown({}, ())


def breakdown_metrics(
    values: Floats, probabilities: Floats, labels: npt.NDArray[Any], ids: Sequence[str], breakdown: Breakdown
) -> dict[str, Any]:
    """What a metrics.json has besides the metrics of all classes on all videos; empty without parts and subsets.

    Args:
        values: `(N, C)` scores, by which whole classes rank, as they do in all other metrics.
        probabilities: `(N, C)` of the same, each row sums to 1.
        labels: `(N,)` index of the true class.
        ids: of the N videos.
        breakdown: parts and subsets.

    Returns:
        The metrics by name; `breakdown`, the names of parts and subsets in their order; `counts`, how many videos each
        metric speaks of; `intervals`, `[low, high]` of each. A subset without videos has no metric.
    """
    if not breakdown.parts and not breakdown.subsets:
        return {}
    metrics: dict[str, float] = {}
    counts: dict[str, int] = {}
    intervals: dict[str, Interval] = {}
    for part, scored, own in _scored(values, probabilities, labels, breakdown):
        ranks = rank_of_label(scored, own)
        for subset, rows in _chosen(part, ids, breakdown):
            if not rows.any():
                continue
            name = ".".join(piece for piece in (subset, part) if piece)
            measured = _measure(ranks[rows], own[rows], classes=scored.shape[1])
            for metric, (value, interval) in measured.items():
                metrics[f"{name}.{metric}"] = value
                intervals[f"{name}.{metric}"] = interval
                counts[f"{name}.{metric}"] = int(rows.sum())
    names = {"parts": list(breakdown.whole_and_parts), "subsets": _subset_names(breakdown)}
    return {**metrics, "breakdown": names, "counts": counts, "intervals": intervals}


def _scored(
    values: Floats, probabilities: Floats, labels: npt.NDArray[Any], breakdown: Breakdown
) -> Iterator[tuple[str, Floats, npt.NDArray[np.int64]]]:
    """Each part with its `(N, P)` probabilities and the true one of each video; then the whole with its scores."""
    for part, of_class in breakdown.parts.items():
        names = {name: number for number, name in enumerate(dict.fromkeys(of_class))}
        places = np.array([names[name] for name in of_class])
        summed = np.stack([probabilities[:, places == place].sum(axis=1) for place in range(len(names))], axis=1)
        yield part, summed, places[labels]
    yield WHOLE if breakdown.parts else "", values, labels.astype(np.int64)


def _chosen(part: str, ids: Sequence[str], breakdown: Breakdown) -> Iterator[tuple[str, Booleans]]:
    """All videos, where classes have parts, and those of each subset that is for a part."""
    if part:
        yield "", np.ones(len(ids), dtype=bool)
    for subset in breakdown.subsets:
        if subset.part in ("", part):
            yield subset.name, np.array([name in subset.ids for name in ids], dtype=bool)


def _measure(
    ranks: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], *, classes: int
) -> dict[str, tuple[float, Interval]]:
    hit, among = ranks == 0, ranks < min(5, classes)
    mean = float(np.mean(list(recalls(hit, labels).values())))
    return {
        "top1": (float(hit.mean()), share_interval(hit)),
        "top5": (float(among.mean()), share_interval(among)),
        "mean_class": (mean, bootstrap_mean_class(hit, labels)),
    }


def _subset_names(breakdown: Breakdown) -> list[str]:
    return list(dict.fromkeys(item.name for item in breakdown.subsets))
