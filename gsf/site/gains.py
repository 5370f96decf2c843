"""Which classes a temporal module helps: the recall of each class with it and without."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean

from markupsafe import Markup

from gsf.evaluate.intervals import wilson
from gsf.site.plots import listed, percent, whisker, x_axis
from gsf.site.study import Evaluation
from gsf.site.svg import Axis, label, line, mark, picture

_ROW, _TOP, _WIDTH, _LEFT, _RIGHT, _FOOT = 26.0, 30.0, 380.0, 146.0, 52.0, 40.0  # px
_LONGEST = 21  # letters of a name
_MOST = 24  # classes of a picture: those that change most; the table has all
_BASES = {"none": "TSN", "tsm": "TSM"}


@dataclass(frozen=True)
class ClassGain:
    """Recall of one class by two networks; intervals of 95 % where one training each is compared."""

    name: str
    videos: int  # 0 where it is not known
    base: float
    ours: float
    base_interval: tuple[float, float] | None
    interval: tuple[float, float] | None

    @property
    def gain(self) -> float:
        return self.ours - self.base


@dataclass(frozen=True)
class Gains:
    """The classes of a comparison, those first that gain most."""

    benchmark: str
    protocol: str
    base: str  # experiments
    ours: str
    base_name: str  # TSN
    base_series: int
    series: int
    classes: tuple[ClassGain, ...]


def gains_of(items: Sequence[Evaluation], videos: Mapping[str, Counter[str]]) -> Iterator[Gains]:
    """GSF over TSN and over TSM, by benchmark and protocol: the seeds of an experiment are averaged.

    Args:
        items: of a study.
        videos: test videos by class, by benchmark.
    """
    groups: dict[tuple[str, str], dict[tuple[str, str], list[Evaluation]]] = {}
    for item in items:
        if item.network is not None and item.metrics.get("per_class") and item.time == "forward":
            own = groups.setdefault((item.benchmark, item.protocol), {})
            own.setdefault((item.network.temporal, re.sub(r"-s\d+$", "", item.experiment)), []).append(item)
    for (benchmark, _), own in groups.items():
        for (_, ours), (temporal, base) in product(_of(own, "gsf"), _of(own, *_BASES)):
            yield _gains(base, ours, _BASES[temporal], videos.get(benchmark, Counter()))


def _of(
    experiments: Mapping[tuple[str, str], list[Evaluation]], *temporals: str
) -> Iterator[tuple[str, list[Evaluation]]]:
    """The runs of each experiment with one of these temporal modules, in the order of the modules."""
    for temporal in temporals:
        for (own, _), runs in experiments.items():
            if own == temporal:
                yield temporal, runs


def gain_chart(gains: Gains) -> Markup:
    """A row a class: hollow mark without, full mark with; whiskers of 95 %."""
    shown = gains.classes
    if len(shown) > _MOST:
        most = sorted(shown, key=lambda item: -abs(item.gain))[:_MOST]
        shown = tuple(item for item in shown if item in most)
    bottom = _TOP + _ROW * len(shown)
    axis = Axis(0, 100, _LEFT, _WIDTH - _RIGHT)
    parts = x_axis(axis, top=_TOP, bottom=bottom, words="recall (%)")
    parts += [mark(_LEFT + 4, 12, gains.base_series, hollow=True), label(_LEFT + 13, 16, gains.base, class_="name")]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2 + 6
    parts += [mark(middle, 12, gains.series), label(middle + 9, 16, gains.ours, class_="name")]
    parts.append(label(_WIDTH - 4, 16, "gain", anchor="end", class_="tick"))
    for row, item in enumerate(shown):
        y = _TOP + _ROW * (row + 0.5)
        parts.append(label(_LEFT - 10, y + 4, _short(item.name), anchor="end", class_="name"))
        parts.append(line(axis(100 * item.base), y - 4, axis(100 * item.ours), y + 4, class_="leader"))
        for interval, dy, series in (
            (item.base_interval, -4.0, gains.base_series),
            (item.interval, 4.0, gains.series),
        ):
            if interval is not None:
                parts += whisker(axis, 100 * interval[0], 100 * interval[1], y + dy, series)
        parts.append(mark(axis(100 * item.base), y - 4, gains.base_series, size=3.6, hollow=True))
        parts.append(mark(axis(100 * item.ours), y + 4, gains.series, size=3.6))
        gain = f"{100 * item.gain:+.0f}".replace("-", "\u2212")
        parts.append(label(_WIDTH - 4, y + 4, gain, anchor="end", class_="value"))
    said = (f"{item.name} {percent(item.base)} to {percent(item.ours)}" for item in shown)
    title = f"Recall by class, {gains.ours} against {gains.base}"
    return picture(parts, width=_WIDTH, height=bottom + _FOOT, title=title, text=listed(said))


def _gains(base: Sequence[Evaluation], ours: Sequence[Evaluation], name: str, videos: Counter[str]) -> Gains:
    single = len(base) == len(ours) == 1
    names = [key for key in ours[0].metrics["per_class"] if all(key in item.metrics["per_class"] for item in base)]
    classes = []
    for key in names:
        without, having = (fmean(item.metrics["per_class"][key] for item in group) for group in (base, ours))
        n = videos[key]
        intervals = [wilson(round(share * n), n) if single and n else None for share in (without, having)]
        classes.append(ClassGain(key, n, without, having, *intervals))
    classes.sort(key=lambda item: (-item.gain, item.name))
    first, second = base[0], ours[0]
    return Gains(
        benchmark=second.benchmark,
        protocol=second.protocol,
        base=_names(base),
        ours=_names(ours),
        base_name=name,
        base_series=first.series,
        series=second.series,
        classes=tuple(classes),
    )


def _names(items: Sequence[Evaluation]) -> str:
    """The experiment, and how many more of other seeds are averaged with it."""
    return items[0].experiment + (f" and {len(items) - 1} more" if len(items) > 1 else "")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
