"""The pictures of a report: PNG files whose bytes follow from their data.

Colours are those of Okabe and Ito, told apart with any colour vision; nothing is read from a user's matplotlibrc.
"""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from gsf.errors import EvaluationError
from gsf.report.collect import Evaluation, Material, Training

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", ":", "-.")  # of the runs that share a colour
_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
}
_MOST_NAMES = 40  # classes, above which axes show no names
_COLUMNS = 2  # panels side by side


def curves_png(material: Material) -> bytes:
    """Training loss and validation top-1 by epoch, one line a run; seeds share a colour."""
    with mpl.rc_context():
        _set_style()
        figure = Figure(figsize=(10, 4.2), layout="constrained")
        loss, accuracy = figure.subplots(1, 2)
        for item, style in zip(material.trainings, line_styles(material.trainings), strict=True):
            _line(loss, item, "train_loss", 1, style)
            _line(accuracy, item, "val_top1", 100, style)
            _mark_kept(accuracy, item, style)
        loss.set(title="Training loss", xlabel="epoch", ylim=(0, None))
        accuracy.set(title="Validation top-1 (%); dot: the epoch that was kept", xlabel="epoch", ylim=(0, 101))
        for axes in (loss, accuracy):
            axes.xaxis.get_major_locator().set_params(integer=True)
        if not material.trainings:
            loss.text(0.5, 0.5, "no network of this study was trained here", ha="center", transform=loss.transAxes)
        handles, names = loss.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=min(6, max(1, len(names))))
        return _png(figure)


def confusion_png(material: Material) -> bytes:
    """Share of each true class's videos by predicted class: one panel a run, by its first protocol.

    Classes of a reversal pair stand side by side, framed: what a network without a sense of time confuses.
    """
    first: dict[str, Evaluation] = {}
    for item in material.evaluations:
        first.setdefault(item.training.run, item)
    chosen = list(first.values())
    columns = min(_COLUMNS, len(chosen))
    rows = math.ceil(len(chosen) / columns)
    with mpl.rc_context():
        _set_style()
        figure = Figure(figsize=(5.2 * columns + 0.8, 5.0 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        images = [
            _confusion(axes, item, material.manifests[item.benchmark])
            for axes, item in zip(panels, chosen, strict=False)
        ]
        for axes in panels[len(chosen) :]:
            axes.set_visible(False)
        figure.colorbar(images[0], ax=list(panels), shrink=0.6, label="share of the true class's videos", pad=0.02)
        return _png(figure)


def class_order(classes: Sequence[str], pairs: Sequence[Sequence[str]]) -> list[str]:
    """The classes of pairs first, partners side by side, then the others in their own order."""
    paired = [name for pair in sorted(sorted(pair) for pair in pairs) for name in pair]
    return paired + [name for name in classes if name not in set(paired)]


def confusion_matrix(rows: Sequence[tuple[str, str]], order: Sequence[str]) -> Any:
    """`(C, C)` shares, true class by predicted class; a class without videos has a row of zeros."""
    place = {name: number for number, name in enumerate(order)}
    counts = np.zeros((len(order), len(order)))
    unknown = sorted({name for row in rows for name in row} - place.keys())
    if unknown:
        raise EvaluationError(f"confusion: {unknown[0]!r} is not a class, must be one of {', '.join(order)}")
    for actual, predicted in rows:
        counts[place[actual], place[predicted]] += 1
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _confusion(axes: Axes, item: Evaluation, manifest: Mapping[str, Any]) -> Any:
    pairs = manifest["reversal_pairs"]
    order = class_order(manifest["classes"], pairs)
    image = axes.imshow(confusion_matrix(item.confusion, order), cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.grid(visible=False)
    for start in range(0, 2 * len(pairs), 2):
        axes.add_patch(Rectangle((start - 0.5, start - 0.5), 2, 2, fill=False, edgecolor="#D55E00", linewidth=1.0))
    title = f"{item.training.run}: top-1 {100 * item.metrics['top1']:.1f} %"
    if "pair_accuracy" in item.metrics:
        title += f", within pairs {100 * item.metrics['pair_accuracy']:.1f} %"
    axes.set(title=title, xlabel=f"predicted ({item.benchmark}, {item.protocol})", ylabel="true")
    named = len(order) <= _MOST_NAMES
    axes.set_xticks(range(len(order)) if named else [], order if named else [], rotation=90)
    axes.set_yticks(range(len(order)) if named else [], order if named else [])
    axes.tick_params(labelsize=8 if len(order) <= 20 else 5, length=0)
    return image


def _line(axes: Axes, item: Training, column: str, factor: float, style: Mapping[str, str]) -> None:
    known = [
        (epoch, factor * value)
        for epoch, value in zip(item.curves["epoch"], item.curves[column], strict=True)
        if not math.isnan(value)
    ]
    axes.plot([epoch for epoch, _ in known], [value for _, value in known], label=item.training.run, **style)  # type: ignore[arg-type]


def _mark_kept(axes: Axes, item: Training, style: Mapping[str, str]) -> None:
    for epoch, value in zip(item.curves["epoch"], item.curves["val_top1"], strict=True):
        if epoch == item.kept_epoch and not math.isnan(value):
            axes.plot([epoch], [100 * value], "o", color=style["color"], markersize=6, clip_on=False)


def line_styles(trainings: Sequence[Training]) -> list[dict[str, str]]:
    """Colour by experiment; of the runs that share a colour, each its own line as long as there are enough."""
    experiments = list(dict.fromkeys(item.training.experiment for item in trainings))
    used: Counter[str] = Counter()
    styles = []
    for item in trainings:
        colour = COLOURS[experiments.index(item.training.experiment) % len(COLOURS)]
        styles.append({"color": colour, "linestyle": LINES[used[colour] % len(LINES)]})
        used[colour] += 1
    return styles


def _set_style() -> None:
    """Matplotlib's own defaults, whatever the user's, and the house style on top."""
    skipped = ("backend", "backend_fallback", "interactive", "toolbar", "timezone")
    mpl.rcParams.update({key: value for key, value in mpl.rcParamsDefault.items() if key not in skipped})
    mpl.rcParams.update(_STYLE)


def _png(figure: Figure) -> bytes:
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()
