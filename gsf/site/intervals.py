"""A metric of several experiments with its intervals, one row each: how far apart they are against what chance does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gsf.site.plots import listed, percent, whisker, x_axis
from gsf.site.svg import Axis, label, line, mark, picture

_ROW, _TOP, _WIDTH, _LEFT, _RIGHT = 27.0, 12.0, 380.0, 112.0, 92.0  # px
_FOOT = 40.0
_LONGEST = 17  # letters of a name


@dataclass(frozen=True)
class Point:
    """One number with its interval, as shares of 1; `hollow`: of others, without interval."""

    name: str
    series: int
    value: float
    low: float | None = None
    high: float | None = None
    hollow: bool = False


def interval_chart(
    points: Sequence[Point], *, beside: Sequence[Point], title: str, axis_title: str, chance: float | None = None
) -> Markup:
    """Rows of dots with whiskers; a dashed line at chance where it is on the axis.

    `beside`: the points of all pictures that are to have the same axis.
    """
    height = _TOP + _ROW * len(points) + _FOOT
    values = [100 * v for p in (*points, *beside) for v in (p.value, p.low, p.high) if v is not None]
    axis = Axis.around(values, _LEFT, _WIDTH - _RIGHT, least=0, most=100)
    bottom = _TOP + _ROW * len(points)
    parts = x_axis(axis, top=_TOP, bottom=bottom, words=axis_title, count=3)
    if chance is not None and axis.low <= 100 * chance <= axis.high:
        x = axis(100 * chance)
        parts.append(line(x, _TOP, x, bottom, class_="chance"))
        parts.append(label(x + 4, _TOP + 2, "chance", class_="tick"))
    for row, point in enumerate(points):
        y = _TOP + _ROW * (row + 0.5)
        parts.append(label(_LEFT - 10, y + 4, _short(point.name), anchor="end", class_="name"))
        if point.low is not None and point.high is not None:
            parts += whisker(axis, 100 * point.low, 100 * point.high, y, point.series)
        parts.append(mark(axis(100 * point.value), y, point.series, hollow=point.hollow))
        parts.append(label(_WIDTH - 4, y + 4, _says(point), anchor="end", class_="value"))
    return picture(parts, width=_WIDTH, height=height, title=title, text=listed(f"{p.name} {_says(p)}" for p in points))


def _says(point: Point) -> str:
    if point.low is None or point.high is None:
        return percent(point.value)
    return f"{percent(point.value)} [{percent(point.low)}, {percent(point.high)}]"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
