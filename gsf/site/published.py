"""Figures that others published, for the benchmarks they belong to; copied by hand, not measured here.

`published.json` has one entry a row: the format of the benchmark, the version of its labels where figures of several
must not be compared, the network, what it saw, the figures as shares of 1, and where they were published.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gsf.site.study import BenchmarkInfo


@dataclass(frozen=True)
class Published:
    """One row that others published."""

    format: str
    model: str
    frames: int | None
    views: str  # clips x crops, as the protocol file of the same views has it
    metrics: Mapping[str, float]
    source: str
    target: str | None = None
    labels: str | None = None

    @property
    def protocol(self) -> str:
        return self.views if self.frames is None else f"{self.frames}x{self.views}"


def published_for(benchmark: BenchmarkInfo) -> list[Published]:
    """What was published on the same videos and labels; nothing for a benchmark of one's own."""
    return [
        item
        for item in _all()
        if item.format == benchmark.format
        and item.target == benchmark.target
        and (item.labels is None or item.labels in benchmark.version.replace(";", " ").split())
    ]


@cache
def _all() -> tuple[Published, ...]:
    rows = json.loads((Path(__file__).parent / "published.json").read_bytes())
    return tuple(Published(**row) for row in rows)
