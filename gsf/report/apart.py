"""The table of accuracies by the parts of classes and on subsets of the videos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gsf.provenance.evaluated import MEASURED
from gsf.provenance.records import METRICS, Metrics, percent

ALL = "all"  # in place of a subset


def apart_table(rows: Mapping[str, Sequence[Metrics]]) -> list[str]:
    """Lines of the table: a row an experiment and subset; none where no metrics have parts or subsets.

    Args:
        rows: by the name of an experiment, the metrics of its runs.
    """
    having = {name: runs for name, runs in rows.items() if "breakdown" in runs[0]}
    if not having:
        return []
    parts = _parts(next(iter(having.values()))[0])
    header = [" ".join(piece for piece in (part, METRICS[metric]) if piece) for part in parts for metric in MEASURED]
    lines = [_line(["experiment", "videos", *header]), _line(["---", "---", *["---:"] * len(header)])]
    for name, runs in having.items():
        lines += [f"| {name} {cells}" for cells in apart_cells(runs)]
    return lines


def apart_cells(runs: Sequence[Metrics]) -> Iterator[str]:
    """Each row of one experiment, less its name."""
    if "breakdown" not in runs[0]:
        return
    parts = _parts(runs[0])
    for subset in ["", *runs[0]["breakdown"]["subsets"]]:
        if not subset and parts == [""]:
            continue  # what the table of all videos has
        names = [".".join(piece for piece in (subset, part, metric) if piece) for part in parts for metric in MEASURED]
        yield _line([subset or ALL, *(percent(runs, name) for name in names)])


def _parts(metrics: Metrics) -> list[str]:
    return metrics["breakdown"]["parts"] or [""]


def _line(values: Sequence[str]) -> str:
    return f"| {' | '.join(values)} |"
