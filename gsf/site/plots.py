"""The parts that pictures share: a panel with axes, labels that do not lie on each other, intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from gsf.site.svg import Axis, label, line, number


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Places at least `gap` apart, in the order of those wanted and near them, within `low .. high` if they fit."""
    order = sorted(range(len(wanted)), key=lambda index: (wanted[index], index))
    places = [0.0] * len(wanted)
    at = low - gap
    for index in order:
        at = max(wanted[index], at + gap)
        places[index] = at
    over = max((places[order[-1]] - high) if order else 0.0, 0.0)
    limit = high
    for index in reversed(order):  # push back what went over the end
        if over:
            places[index] = min(places[index], limit)
            limit = places[index] - gap
    return places


def x_axis(axis: Axis, *, top: float, bottom: float, words: str, unit: str = "", count: int = 4) -> list[Markup]:
    """Grid, tick labels and title of a horizontal axis."""
    found = []
    for value in axis.ticks(count):
        x = axis(value)
        found += [line(x, top, x, bottom, class_="grid")]
        found += [label(x, bottom + 15, f"{plain(value)}{unit}", anchor="middle", class_="tick")]
    middle = (axis.start + axis.end) / 2
    return [*found, label(middle, bottom + 33, words, anchor="middle", class_="axis")] if words else found


def y_axis(axis: Axis, *, left: float, right: float, unit: str = "", count: int = 4) -> list[Markup]:
    """Grid and tick labels of a vertical axis; its title stands above the picture."""
    found = []
    for value in axis.ticks(count):
        y = axis(value)
        found += [line(left, y, right, y, class_="grid")]
        found += [label(left - 6, y + 4, f"{plain(value)}{unit}", anchor="end", class_="tick")]
    return found


def whisker(axis: Axis, low: float, high: float, at: float, series: int, *, upright: bool = False) -> list[Markup]:
    """An interval as a line with ends, in the colour of its series."""
    a, b, class_, end = axis(low), axis(high), f"whisker s{series % 7}", 3.0
    if upright:
        ends = [line(at - end, y, at + end, y, class_=class_) for y in (a, b)]
        return [line(at, a, at, b, class_=class_), *ends]
    ends = [line(x, at - end, x, at + end, class_=class_) for x in (a, b)]
    return [line(a, at, b, at, class_=class_), *ends]


def plain(value: float) -> str:
    """A tick's number, without a needless fraction."""
    return f"{value:g}" if abs(value) >= 0.01 or value == 0 else number(value)


def percent(value: float) -> str:
    """A share as percent with one decimal."""
    return f"{100 * value:.1f}"


def listed(words: Iterable[str]) -> str:
    """Words of a description, in a row."""
    return "; ".join(words) + "."
