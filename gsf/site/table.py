"""The table of all studies: a row an evaluation, and beside them what others published on the same benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gsf.proof.results import Cell
from gsf.site.intervals import Point
from gsf.site.published import Published, published_for
from gsf.site.study import LOWER_IS_BETTER, Evaluation, StudyData, main_metrics, metric_name


@dataclass(frozen=True)
class Row:
    """One row; `ours` and `others`: exactly one of them."""

    study: str
    benchmark: str
    name: str
    protocol: str
    ours: Evaluation | None
    others: Published | None

    def cell(self, metric: str) -> Cell | None:
        return self.ours.cells.get(metric) if self.ours is not None else None

    def value(self, metric: str) -> float | None:
        """A share of 1."""
        if self.others is not None:
            return self.others.metrics.get(metric)
        cell = self.cell(metric)
        return cell.value if cell is not None else None


@dataclass(frozen=True)
class Table:
    """All rows, and what they can be chosen by."""

    rows: tuple[Row, ...]
    metrics: tuple[str, ...]

    @property
    def benchmarks(self) -> list[str]:
        return list(dict.fromkeys(row.benchmark for row in self.rows))

    @property
    def protocols(self) -> list[str]:
        return list(dict.fromkeys(row.protocol for row in self.rows if row.ours is not None))

    @property
    def published(self) -> int:
        return sum(row.others is not None for row in self.rows)

    def lower_is_better(self, metric: str) -> bool:
        return metric.rpartition(".")[2] in LOWER_IS_BETTER


def table_of(studies: Sequence[StudyData]) -> Table:
    """The rows of studies, each followed by what was published on its benchmarks."""
    rows: list[Row] = []
    told: set[tuple[str, str]] = set()
    for study in studies:
        for item in study.evaluations:
            rows.append(Row(study.name, item.benchmark, item.experiment, item.protocol, item, None))
        for name, info in study.benchmarks.items():
            for other in published_for(info):
                if (name, repr(other)) not in told:
                    told.add((name, repr(other)))
                    rows.append(Row("", name, other.model, other.protocol, None, other))
    metrics = list(dict.fromkeys(metric for study in studies for metric in study.metrics()))
    return Table(tuple(rows), tuple(metrics))


@dataclass(frozen=True)
class Panel:
    """What a picture of intervals shows: one metric of a benchmark under one protocol."""

    benchmark: str
    protocol: str
    metric: str
    points: tuple[Point, ...]

    @property
    def title(self) -> str:
        return f"{self.benchmark}, {self.protocol}: {metric_name(self.metric)}"

    @property
    def chance(self) -> float | None:
        """What guessing gives, where that is known."""
        return 0.5 if self.metric == "pair_accuracy" else None


def panels(studies: Sequence[StudyData]) -> list[Panel]:
    """The first metrics with intervals of each benchmark and protocol; figures of others where the views are alike."""
    groups: dict[tuple[str, str], list[tuple[StudyData, Evaluation]]] = {}
    for study in studies:
        for item in study.evaluations:
            groups.setdefault((item.benchmark, item.protocol), []).append((study, item))
    found = []
    for (benchmark, protocol), own in groups.items():
        several = len({study.name for study, _ in own}) > 1
        others = _others(own, benchmark, protocol)
        for metric in main_metrics([item for _, item in own]):
            points = [
                Point(f"{study.name}: {item.experiment}" if several else item.experiment, item.series, *_numbers(cell))
                for study, item in own
                if (cell := item.cells.get(metric)) is not None
            ]
            points += [
                Point(other.model, 6, other.metrics[metric], hollow=True) for other in others if metric in other.metrics
            ]
            found.append(Panel(benchmark, protocol, metric, tuple(points)))
    return found


def _others(own: Sequence[tuple[StudyData, Evaluation]], benchmark: str, protocol: str) -> list[Published]:
    """What was published under the same protocol."""
    found: Mapping[str, Published] = {
        repr(other): other
        for study, _ in own
        for other in published_for(study.benchmarks[benchmark])
        if other.protocol.removesuffix(" (assumed)") == protocol
    }
    return list(found.values())


def _numbers(cell: Cell) -> tuple[float, float | None, float | None]:
    return cell.value, cell.low, cell.high
