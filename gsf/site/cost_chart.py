"""Accuracy against cost: what each multiply-add, or each millisecond, of a video buys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from markupsafe import Markup

from gsf.site.plots import listed, percent, spread, whisker, x_axis, y_axis
from gsf.site.study import Evaluation, metric_name
from gsf.site.svg import Axis, label, line, mark, path, picture

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _FOOT = 380.0, 280.0, 40.0, 84.0, 14.0, 42.0  # px

Cost = Literal["multiply-adds", "time"]
COSTS: Mapping[Cost, tuple[Callable[[Evaluation], float | None], str, str]] = {
    "multiply-adds": (lambda item: item.macs / 1e9 if item.macs else None, "multiply-adds of a video", "G"),
    "time": (lambda item: 1e3 * item.seconds if item.seconds else None, "computing a video", "ms"),
}


def cost_chart(items: Sequence[Evaluation], metric: str, *, cost: Cost, title: str) -> Markup | None:
    """One line an experiment, through its protocols by cost; None where no cost is known.

    The horizontal axis is logarithmic: equal steps are equal ratios of cost.
    """
    cost_of, axis_words, unit = COSTS[cost]
    lines: dict[str, list[tuple[float, Evaluation]]] = {}
    for item in items:
        spent = cost_of(item)
        if spent is not None and metric in item.cells and item.time == "forward":
            lines.setdefault(item.experiment, []).append((spent, item))
    if not lines:
        return None
    shown = [point for points in lines.values() for point in points]
    costs = [spent for spent, _ in shown]
    wide = (max(costs) / min(costs)) ** 0.06 * 1.12
    xs = Axis(min(costs) / wide, max(costs) * wide, _LEFT, _WIDTH - _RIGHT, log=True)
    cells = [item.cells[metric] for _, item in shown]
    values = [100 * v for c in cells for v in (c.value, c.low, c.high) if v is not None]
    ys = Axis.around(values, _HEIGHT - _FOOT, _TOP, least=0, most=100)
    parts = x_axis(xs, top=_TOP, bottom=_HEIGHT - _FOOT, words=f"{axis_words} ({unit}), logarithmic")
    parts += y_axis(ys, left=_LEFT, right=_WIDTH - _RIGHT)
    ends = {name: max(points, key=lambda point: point[0]) for name, points in lines.items()}
    wanted = [ys(100 * item.cells[metric].value) for _, item in ends.values()]
    places = spread(wanted, gap=15, low=_TOP + 6, high=_HEIGHT - _FOOT - 4)
    # networks of about equal cost stand side by side, so that their intervals can be told apart
    shift = {name: 7.0 * (number - (len(lines) - 1) / 2) for number, name in enumerate(lines)}
    for (name, points), wish, place in zip(lines.items(), wanted, places, strict=True):
        series, dx = points[0][1].series, shift[name]
        points.sort(key=lambda point: point[0])
        track = [(xs(spent) + dx, ys(100 * item.cells[metric].value)) for spent, item in points]
        parts.append(path(track, class_=f"track s{series % 7}"))
        for spent, item in points:
            cell = item.cells[metric]
            if cell.low is not None and cell.high is not None:
                parts += whisker(ys, 100 * cell.low, 100 * cell.high, xs(spent) + dx, series, upright=True)
            parts.append(mark(xs(spent) + dx, ys(100 * cell.value), series))
        right = _WIDTH - _RIGHT + 4
        parts.append(line(track[-1][0] + 6, wish, right + 4, place, class_="leader"))
        parts.append(label(right + 8, place + 4, name, class_="name"))
    said = (
        f"{item.experiment} {item.protocol}: {spent:.2f} {unit}, {percent(item.cells[metric].value)}"
        for spent, item in shown
    )
    return picture(parts, width=_WIDTH, height=_HEIGHT, title=f"{title}: {metric_name(metric)}", text=listed(said))
