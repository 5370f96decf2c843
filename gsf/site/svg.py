"""Pictures of numbers as inline SVG: elements, an axis, and the marks of a series.

Colours and fonts are classes of the style sheet, so that a picture follows the reader's light or dark scheme. A series
has a colour and a shape of its own: no picture rests on colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

from gsf.names import visible

SERIES = 7  # colours in the style sheet, s0 .. s6
_SHAPES = ("circle", "square", "triangle", "diamond", "cross", "down", "star")


def el(tag: str, *children: object, **attributes: object) -> Markup:
    """One element; `class_` and `text_anchor` become `class` and `text-anchor`, children that are no markup escaped."""
    words = [
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-").replace("viewbox", "viewBox"), _value(value))
        for key, value in attributes.items()
        if value is not None
    ]
    inside = Markup("").join(escape(child) for child in children)
    return Markup("<{}{}>{}</{}>").format(Markup(tag), Markup("").join(words), inside, Markup(tag))


def picture(children: Iterable[Markup], *, width: float, height: float, title: str, text: str) -> Markup:
    """A whole picture; `title` and `text` say in words what it shows, for those who do not see it."""
    return el(
        "svg",
        el("title", visible(title)),
        el("desc", visible(text)),
        *children,
        viewbox=f"0 0 {number(width)} {number(height)}",
        width=number(width),
        height=number(height),
        class_="chart",
        role="img",
        aria_label=visible(f"{title}. {text}"),
        xmlns="http://www.w3.org/2000/svg",
    )


def label(x: float, y: float, words: object, *, anchor: str = "start", class_: str | None = None) -> Markup:
    """Text at a place; `anchor`: start, middle or end."""
    return el("text", visible(str(words)), x=x, y=y, text_anchor=anchor, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, *, class_: str) -> Markup:
    return el("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def path(points: Iterable[tuple[float, float]], *, class_: str) -> Markup:
    """A line through points."""
    return el("polyline", points=" ".join(f"{number(x)},{number(y)}" for x, y in points), class_=class_, fill="none")


def mark(x: float, y: float, series: int, *, size: float = 4.5, hollow: bool = False, title: str = "") -> Markup:
    """The mark of a series at a place; a hollow one is not ours."""
    shape = _SHAPES[series % len(_SHAPES)]
    s = size
    outlines = {
        "square": [(-s, -s), (s, -s), (s, s), (-s, s)],
        "triangle": [(0, -1.25 * s), (1.15 * s, 0.9 * s), (-1.15 * s, 0.9 * s)],
        "down": [(0, 1.25 * s), (1.15 * s, -0.9 * s), (-1.15 * s, -0.9 * s)],
        "diamond": [(0, -1.35 * s), (1.2 * s, 0), (0, 1.35 * s), (-1.2 * s, 0)],
        "cross": _star(4, 1.4 * s, s / 2, turn=math.pi / 4),
        "star": _star(4, 1.5 * s, s / 2, turn=0.0),
    }
    class_ = f"mark s{series % SERIES}" + (" hollow" if hollow else "")
    inside = [el("title", visible(title))] if title else []
    if shape == "circle":
        return el("circle", *inside, cx=x, cy=y, r=s, class_=class_)
    points = " ".join(f"{number(x + dx)},{number(y + dy)}" for dx, dy in outlines[shape])
    return el("polygon", *inside, points=points, class_=class_)


@dataclass(frozen=True)
class Axis:
    """Values `low .. high` along `start .. end` px; `log`: equal ratios are equally far apart."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    @classmethod
    def around(cls, values: Iterable[float], start: float, end: float, *, least: float, most: float) -> Axis:
        """An axis that holds all values with some air around them, within `least .. most`."""
        found = list(values)
        low, high = min(found), max(found)
        air = max(0.08 * (high - low), 1e-3 * (most - least))
        step = _step(high - low + 2 * air, 4)
        low, high = math.floor((low - air) / step) * step, math.ceil((high + air) / step) * step
        return cls(max(least, low), min(most, high), start, end)

    def __call__(self, value: float) -> float:
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        share = 0.5 if high == low else (value - low) / (high - low)
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int = 4) -> list[float]:
        """Round values on the axis, about `count` of them."""
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            found = [m * 10.0**p for p in powers for m in (1, 2, 5)]
            inside = [value for value in found if self.low <= value * (1 + 1e-9) and value <= self.high * (1 + 1e-9)]
            return inside or [self.low, self.high]
        step = _step(self.high - self.low, count)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(index * step, 10) for index in range(first, last + 1)]


def number(value: float) -> str:
    """A coordinate: two decimals at most, the same text on every machine."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _step(span: float, count: int) -> float:
    """The round distance of about `count` ticks over a span."""
    if span <= 0:
        return 1.0
    rough = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return next((m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9)), 10 * power)


def _star(arms: int, outer: float, inner: float, *, turn: float) -> list[tuple[float, float]]:
    """The corners of a star around 0."""
    corners = [(outer if i % 2 == 0 else inner, turn + math.pi * i / arms) for i in range(2 * arms)]
    return [(radius * math.sin(angle), -radius * math.cos(angle)) for radius, angle in corners]


def _value(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)
