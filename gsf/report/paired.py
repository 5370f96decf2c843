"""Paired comparisons of a study's networks, and of one network under several orders of the frames: records for JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from gsf.evaluate.compare import LEVEL, Comparison, compare, holm
from gsf.evaluate.outcome import Outcome
from gsf.params.ensemble import Weighted

COMPARED = ("pair_accuracy", "top1")  # metrics that say right or wrong of each video


@dataclass(frozen=True)
class Judged:
    """One evaluation, as far as a comparison needs it."""

    benchmark: str
    run: str
    protocol: str
    settings: Mapping[str, Any]  # of the protocol file, as the receipt has them
    outcome: Outcome
    receipt: str  # digest
    members: tuple[Weighted, ...] = ()  # of an ensemble

    @property
    def time(self) -> str:
        """The order of the frames."""
        return str(self.settings.get("time", "forward"))

    @property
    def seed(self) -> str | None:
        """The seed of a training; None for an imported network and for an ensemble of several seeds."""
        found = re.search(r"-s(\d+)$", self.run)
        return found[1] if found else None

    @property
    def experiment(self) -> str:
        return re.sub(r"-s\d+$", "", self.run)

    def view(self) -> dict[str, Any]:
        """What a protocol looks at, without the order of the frames."""
        return {key: value for key, value in self.settings.items() if key not in ("name", "time", "time_seed")}


def comparisons(items: Sequence[Judged]) -> list[dict[str, Any]]:
    """Every two experiments of a benchmark under one protocol, of equal seed: the second against the first.

    And every ensemble against each of its members. The family of Holm's correction: all comparisons of one benchmark,
    protocol (of the second) and metric.
    """
    forward = [item for item in items if item.time == "forward"]
    pairs = [
        (first, second)
        for first, second in combinations(forward, 2)
        if (first.benchmark, first.protocol) == (second.benchmark, second.protocol)
        and first.experiment != second.experiment
        and (first.seed == second.seed or None in (first.seed, second.seed))
    ]
    by_name = {(item.benchmark, item.run, item.protocol): item for item in items}
    pairs += [(by_name[item.benchmark, member.run, member.protocol], item) for item in items for member in item.members]
    found = [record for pair in pairs for record in _records(*pair)]
    return _corrected(found)


def time_evidence(items: Sequence[Judged]) -> list[dict[str, Any]]:
    """Each run with its frames in another order (`second`) against forward (`first`), by metric and class.

    The family of Holm's correction: all runs and orders of one benchmark, protocol and metric.
    """
    found = []
    for other in (item for item in items if item.time != "forward"):
        for base in items:
            same = (base.benchmark, base.run, base.view()) == (other.benchmark, other.run, other.view())
            if same and base.time == "forward":
                found += [record | {"time": other.time} for record in _records(base, other, per_class=True)]
    return _corrected(found)


def _records(first: Judged, second: Judged, *, per_class: bool = False) -> Iterator[dict[str, Any]]:
    """One record a metric that both have; of an ensemble under `ensemble`, else under the protocol of the first."""
    where = f"{first.benchmark}/{first.run}/{first.protocol} and {second.run}/{second.protocol}"
    first.outcome.check_same_videos(second.outcome, where=where)
    for metric in COMPARED:
        (one, labels), (two, _) = first.outcome.of(metric), second.outcome.of(metric)
        if not one.size:
            continue
        found: Comparison = compare(one, two, labels)
        record: dict[str, Any] = {
            "benchmark": first.benchmark,
            "protocol": second.protocol if second.members else first.protocol,
            "metric": metric,
            "first": [first.run, first.protocol],
            "second": [second.run, second.protocol],
            "first_value": float(one.mean()),
            "second_value": float(two.mean()),
            "difference": found.difference,
            "low": found.low,
            "high": found.high,
            "n": found.n,
            "only_first": found.only_first,
            "only_second": found.only_second,
            "p": found.p,
            "receipts": [first.receipt, second.receipt],
        }
        if per_class:
            record["per_class"] = {
                first.outcome.classes[label]: [float(one[labels == label].mean()), float(two[labels == label].mean())]
                for label in np.unique(labels)
            }
        yield record


def _corrected(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With `p_holm`, `compared` (size of the family) and `real`: whether p_holm is below 0.05.

    A family: the comparisons of equal benchmark, protocol and metric.
    """
    families: dict[Any, list[dict[str, Any]]] = {}
    for record in records:
        families.setdefault((record["benchmark"], record["protocol"], record["metric"]), []).append(record)
    for members in families.values():
        for record, p in zip(members, holm([member["p"] for member in members]), strict=True):
            record |= {"p_holm": p, "compared": len(members), "real": p < LEVEL}
    return records
