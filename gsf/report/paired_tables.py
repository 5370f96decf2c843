"""Paired comparisons and temporal evidence as sections of a study's page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gsf.evaluate.compare import LEVEL

_NAMES = {"pair_accuracy": "within pairs", "top1": "top-1"}
_MOST_CLASSES = 20  # rows of the table by class; the JSON has all
_Record = Mapping[str, Any]


def comparison_section(records: Sequence[_Record]) -> Iterator[str]:
    """Which differences between networks are real; nothing where there is nothing to compare."""
    if not records:
        return
    yield "## Which differences are real"
    yield ""
    yield "Both networks on the same videos. *Difference*: second less first, in points, with the 95 % interval"
    yield "of a paired bootstrap (2,000 draws of videos, stratified by class); *right alone*: videos that the"
    yield "first, the second alone gets right; *p*: exact McNemar test, after Holm's correction for all"
    yield f"comparisons of a table and metric; real: below {LEVEL}. This speaks of these trained networks;"
    yield "whether another training differs alike is seen from several seeds. All numbers, with their receipts:"
    yield "[comparisons.json](comparisons.json)."
    for (benchmark, protocol), group in _grouped(records, "benchmark", "protocol").items():
        yield ""
        yield f"{benchmark}, {protocol}:"
        yield ""
        yield _line(["first, second", "metric", "first", "second", "difference", "right alone", "p", "real"])
        yield _line(["---", "---", "---:", "---:", "---:", "---:", "---:", "---"])
        for record in group:
            names = ", ".join(
                run if own == protocol else f"{run} ({own})" for run, own in (record["first"], record["second"])
            )
            values = [f"{100 * record[key]:.1f}" for key in ("first_value", "second_value")]
            alone = f"{record['only_first']}, {record['only_second']}"
            verdict = "yes" if record["real"] else "no"
            yield _line(
                [names, _NAMES[record["metric"]], *values, _difference(record), alone, _p(record["p_holm"]), verdict]
            )
    yield ""


def time_section(records: Sequence[_Record]) -> Iterator[str]:
    """Whether each network uses time, and which classes need it; nothing without protocols of another order."""
    if not records:
        return
    yield "## What the order of the frames changes"
    yield ""
    yield "The same networks and videos, the frames of each clip reversed, shuffled (one permutation a video) or frozen"
    yield "(the middle frame, repeated). A network that does not use time keeps its accuracy when frames are reversed"
    yield "or shuffled; one that does takes a reversed video for its partner, far below 50 % within pairs. In brackets:"
    yield "the change in points; a star where it is real (exact McNemar test, Holm's correction over runs and orders)."
    yield "Intervals and every class: [time.json](time.json)."
    for (benchmark, protocol, metric), group in _grouped(records, "benchmark", "protocol", "metric").items():
        orders = list(dict.fromkeys(record["time"] for record in group))
        yield ""
        yield f"{benchmark}, {protocol}, {_NAMES[metric]} (%):"
        yield ""
        yield _line(["run", "forward", *orders])
        yield _line(["---", *["---:"] * (1 + len(orders))])
        for run, own in _by_run(group).items():
            cells = [
                f"{100 * own[order]['second_value']:.1f} ({_change(own[order])})" for order in orders if order in own
            ]
            yield _line([run, f"{100 * next(iter(own.values()))['first_value']:.1f}", *cells])
        if metric == "top1":
            yield from _classes(group, orders)
    yield ""


def _classes(group: Sequence[_Record], orders: Sequence[str]) -> Iterator[str]:
    """Recall of each class, those first that lose most on average over runs and orders."""
    runs = _by_run(group)
    first = group[0]["per_class"]
    loss = {
        name: sum(record["per_class"][name][0] - record["per_class"][name][1] for record in group) for name in first
    }
    shown = sorted(first, key=lambda name: -loss[name])[:_MOST_CLASSES]
    yield ""
    left = f"; the {len(shown)} of {len(first)} that lose most" if len(shown) < len(first) else ""
    yield f"By class, recall in % of {' / '.join(['forward', *orders])}{left}:"
    yield ""
    yield _line(["class", *runs])
    yield _line(["---", *["---:"] * len(runs)])
    for name in shown:
        cells = []
        for own in runs.values():
            values = [next(iter(own.values()))["per_class"][name][0]]
            values += [own[order]["per_class"][name][1] for order in orders if order in own]
            cells.append(" / ".join(f"{100 * value:.0f}" for value in values))
        yield _line([name, *cells])


def _by_run(group: Sequence[_Record]) -> dict[str, dict[str, _Record]]:
    """Records by run and order of the frames."""
    runs: dict[str, dict[str, _Record]] = {}
    for record in group:
        runs.setdefault(record["first"][0], {})[record["time"]] = record
    return runs


def _grouped(records: Sequence[_Record], *keys: str) -> dict[tuple[str, ...], list[_Record]]:
    groups: dict[tuple[str, ...], list[_Record]] = {}
    for record in records:
        groups.setdefault(tuple(record[key] for key in keys), []).append(record)
    return groups


def _difference(record: _Record) -> str:
    low, high = 100 * record["low"], 100 * record["high"]
    return f"{100 * record['difference']:+.1f} [{low:+.1f}, {high:+.1f}]"


def _change(record: _Record) -> str:
    star = r"\*" if record["real"] else ""
    return f"{100 * record['difference']:+.1f}{star}"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _line(values: Sequence[str]) -> str:
    return f"| {' | '.join(values)} |"
