"""What the order of the frames changes: the same networks and videos, backwards, in disorder, or one frame repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from gsf.site.plots import listed, percent, whisker, x_axis
from gsf.site.study import metric_name
from gsf.site.svg import Axis, label, line, mark, picture

_ROW, _TOP, _WIDTH, _LEFT, _RIGHT, _FOOT = 34.0, 30.0, 380.0, 84.0, 14.0, 40.0  # px
_SERIES = {"forward": 6, "reversed": 1, "shuffled": 4, "frozen": 0}


@dataclass(frozen=True)
class Order:
    """One run under one order of the frames, against forward."""

    time: str
    value: float
    difference: float
    low: float
    high: float
    real: bool
    protocol: str


@dataclass(frozen=True)
class TimeRow:
    run: str
    forward: float
    orders: tuple[Order, ...]


@dataclass(frozen=True)
class TimeTable:
    """One benchmark, protocol and metric."""

    benchmark: str
    protocol: str
    metric: str
    rows: tuple[TimeRow, ...]

    @property
    def times(self) -> list[str]:
        return list(dict.fromkeys(order.time for row in self.rows for order in row.orders))


def time_tables(records: Sequence[Mapping[str, Any]]) -> list[TimeTable]:
    """The records of time.json as tables."""
    groups: dict[tuple[str, str, str], dict[str, list[Mapping[str, Any]]]] = {}
    for record in records:
        key = (str(record["benchmark"]), str(record["protocol"]), str(record["metric"]))
        groups.setdefault(key, {}).setdefault(str(record["first"][0]), []).append(record)
    return [TimeTable(*key, tuple(_row(run, own) for run, own in runs.items())) for key, runs in groups.items()]


def time_chart(table: TimeTable) -> Markup:
    """A row a run, a mark an order; whiskers: 95 % of the change, from forward on."""
    axis = Axis(0, 100, _LEFT, _WIDTH - _RIGHT)
    bottom = _TOP + _ROW * len(table.rows)
    parts = x_axis(axis, top=_TOP, bottom=bottom, words=f"{metric_name(table.metric)} (%)")
    if table.metric == "pair_accuracy":
        parts.append(line(axis(50), _TOP, axis(50), bottom, class_="chance"))
    for place, time in enumerate(["forward", *table.times]):
        x = 20 + 92.0 * place
        parts += [mark(x, 12, _SERIES.get(time, 5)), label(x + 9, 16, time, class_="name")]
    for number, row in enumerate(table.rows):
        y = _TOP + _ROW * (number + 0.5)
        parts.append(label(_LEFT - 10, y + 4, row.run, anchor="end", class_="name"))
        for order in row.orders:
            low, high = (100 * max(0.0, min(1.0, row.forward + change)) for change in (order.low, order.high))
            parts += whisker(axis, low, high, y, _SERIES.get(order.time, 5))
            parts.append(mark(axis(100 * order.value), y, _SERIES.get(order.time, 5)))
        parts.append(mark(axis(100 * row.forward), y, _SERIES["forward"]))
    said = (
        f"{row.run}: forward {percent(row.forward)}, "
        + ", ".join(f"{order.time} {percent(order.value)}" for order in row.orders)
        for row in table.rows
    )
    title = f"{table.benchmark}, {table.protocol}, {metric_name(table.metric)} by order of the frames"
    return picture(parts, width=_WIDTH, height=bottom + _FOOT, title=title, text=listed(said))


def _row(run: str, records: Sequence[Mapping[str, Any]]) -> TimeRow:
    return TimeRow(run, records[0]["first_value"], tuple(_order(record) for record in records))


def _order(record: Mapping[str, Any]) -> Order:
    names = ("difference", "low", "high", "real")
    difference, low, high, real = (record[name] for name in names)
    return Order(str(record["time"]), record["second_value"], difference, low, high, bool(real), record["second"][1])
