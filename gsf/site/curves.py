"""Training curves: what the loss and the validation accuracy were, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gsf.project import Project
from gsf.proof.chain import Command
from gsf.provenance.receipt import Receipt
from gsf.site.evidence import written_json, written_rows
from gsf.site.plots import listed, spread, x_axis, y_axis
from gsf.site.svg import Axis, label, line, mark, path, picture

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _FOOT = 380.0, 260.0, 40.0, 76.0, 14.0, 42.0  # px
COLUMNS = {"train_loss": ("Training loss", 1.0), "val_top1": ("Validation top-1 (%)", 100.0)}


@dataclass(frozen=True)
class Curves:
    """One training, by column: the value of each epoch that has one."""

    run: str
    series: int
    values: Mapping[str, Mapping[int, float]]
    kept: int | None  # the epoch whose weights were kept


def read_curves(project: Project, study: str, receipt: Receipt, *, series: int) -> Curves | None:
    """The curves of a training; None where they are nowhere here."""
    rows = written_rows(project, study, receipt, "curves.csv")
    values: dict[str, dict[int, float]] = {column: {} for column in COLUMNS}
    for row in rows:
        for column in COLUMNS:
            try:
                value = float(row.get(column) or "nan")
            except ValueError:
                continue
            if math.isfinite(value):
                values[column][int(row["epoch"])] = value
    if not any(values.values()):
        return None
    kept = written_json(project, study, receipt, "summary.json").get("kept_epoch")
    run = Command.of(receipt).options.get("run", receipt.stage)
    return Curves(run, series, values, kept if isinstance(kept, int) else None)


def curve_chart(runs: Sequence[Curves], column: str) -> Markup | None:
    """One line a run; a mark at the epoch that was kept. The vertical axis begins at 0."""
    words, factor = COLUMNS[column]
    having = [run for run in runs if run.values[column]]
    if not having:
        return None
    last = max(epoch for run in having for epoch in run.values[column])
    most = max(factor * value for run in having for value in run.values[column].values())
    xs = Axis(0, max(last, 1), _LEFT, _WIDTH - _RIGHT)
    top = 100.0 if factor == 100 else Axis.around([0, most], 0, 1, least=0, most=10 * most or 1).high
    ys = Axis(0, top, _HEIGHT - _FOOT, _TOP)
    parts = x_axis(xs, top=_TOP, bottom=_HEIGHT - _FOOT, words="epoch")
    parts += y_axis(ys, left=_LEFT, right=_WIDTH - _RIGHT)
    tracks = [[(xs(e), ys(factor * v)) for e, v in sorted(run.values[column].items())] for run in having]
    places = spread([track[-1][1] for track in tracks], gap=15, low=_TOP + 6, high=_HEIGHT - _FOOT - 4)
    for run, track, place in zip(having, tracks, places, strict=True):
        parts.append(path(track, class_=f"track d{run.series % 4} s{run.series % 7}"))
        if run.kept in run.values[column]:
            parts.append(mark(xs(run.kept or 0), ys(factor * run.values[column][run.kept or 0]), run.series))
        right = _WIDTH - _RIGHT + 4
        parts.append(line(track[-1][0] + 5, track[-1][1], right + 4, place, class_="leader"))
        parts.append(label(right + 8, place + 4, run.run, class_="name"))
    said = [
        f"{run.run}: {factor * run.values[column][max(run.values[column])]:.2f} at the last epoch" for run in having
    ]
    return picture(parts, width=_WIDTH, height=_HEIGHT, title=words, text=listed(said))
