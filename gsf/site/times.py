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
class ClassTimes:
    """One class: by run its accuracy forward and in each order of the table, None where it was not measured."""

    name: str
    values: tuple[tuple[float | None, ...], ...]

    @property
    def change(self) -> float:
        """What all orders and runs together change."""
        known = [(own[0], value) for own in self.values for value in own[1:]]
        return sum(value - forward for forward, value in known if forward is not None and value is not None)


@dataclass(frozen=True)
class TimeTable:
    """One benchmark, protocol and metric."""

    benchmark: str
    protocol: str
    metric: str
    rows: tuple[TimeRow, ...]
    classes: tuple[ClassTimes, ...]  # those first that lose most

    @property
    def times(self) -> list[str]:
        return list(dict.fromkeys(order.time for row in self.rows for order in row.orders))


def time_tables(records: Sequence[Mapping[str, Any]]) -> list[TimeTable]:
    """The records of time.json as tables."""
    groups: dict[tuple[str, str, str], dict[str, list[Mapping[str, Any]]]] = {}
    for record in records:
        key = (str(record["benchmark"]), str(record["protocol"]), str(record["metric"]))
        groups.setdefault(key, {}).setdefault(str(record["first"][0]), []).append(record)
    return [TimeTable(*key, _rows(runs), _classes(list(runs.values()))) for key, runs in groups.items()]


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


def _rows(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[TimeRow, ...]:
    return tuple(
        TimeRow(run, records[0]["first_value"], tuple(_order(record) for record in records))
        for run, records in runs.items()
    )


def _classes(runs: Sequence[Sequence[Mapping[str, Any]]]) -> tuple[ClassTimes, ...]:
    """By class, what the records of each run say; none of records from before they did."""
    times = list(dict.fromkeys(str(record["time"]) for records in runs for record in records))
    by_run = [{str(record["time"]): record.get("per_class", {}) for record in records} for records in runs]
    names = dict.fromkeys(name for own in by_run for classes in own.values() for name in classes)
    found = []
    for name in names:
        pairs = [{time: classes[name] for time, classes in own.items() if name in classes} for own in by_run]
        forward = [next((pair[0] for pair in own.values()), None) for own in pairs]
        orders = [[own[time][1] if time in own else None for time in times] for own in pairs]
        found.append(ClassTimes(str(name), tuple((one, *own) for one, own in zip(forward, orders, strict=True))))
    return tuple(sorted(found, key=lambda item: item.change))


def _order(record: Mapping[str, Any]) -> Order:
    names = ("difference", "low", "high", "real")
    difference, low, high, real = (record[name] for name in names)
    return Order(str(record["time"]), record["second_value"], difference, low, high, bool(real), record["second"][1])
