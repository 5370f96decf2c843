"""The points of the curves that MLflow shows, from a journal or from the table that a training wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gsf.tables import read_table
from gsf.tracking.journal import Journal

CURVES = ("lr", "train_loss", "train_top1", "val_loss", "val_top1")


@dataclass(frozen=True)
class Point:
    """One point of a curve; `time` in seconds since 1970."""

    metric: str
    step: int  # the epoch; of what the machine gave: seconds since the training began
    value: float
    time: float


def journal_points(journal: Journal) -> Iterator[Point]:
    """The curves and the machine's measurements, with the times at which they were taken."""
    for epoch in journal.epochs:
        for name, value in epoch.metrics.items():
            yield Point(metric=name, step=epoch.epoch, value=value, time=epoch.time)
    for sample in journal.system:
        for name, value in sample.metrics.items():
            yield Point(metric=name, step=round(sample.time - journal.started), value=value, time=sample.time)


def table_points(path: Path | None, time: float) -> Iterator[Point]:
    """The curves of a table, all of them as of one time; none without a file."""
    for row in read_table(path, ("epoch", *CURVES)) if path else ():
        for name in CURVES:
            if row[name]:
                yield Point(metric=name, step=int(row["epoch"]), value=float(row[name]), time=time)
