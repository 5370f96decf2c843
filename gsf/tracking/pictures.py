"""Pictures of one training: its curves, and the confusion matrix of an evaluation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure


def draw_curves(path: Path, curves: Mapping[str, Sequence[tuple[int, float]]], *, title: str) -> None:
    """Loss and top-1 over epochs; `curves` holds (epoch, value) by metric, such as `train_loss` and `val_top1`."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, measure in zip(figure.subplots(1, 2), ("loss", "top1"), strict=True):
        for split, style in (("train", "-"), ("val", "o-")):
            points = curves.get(f"{split}_{measure}", [])
            if points:
                axes.plot(*zip(*points, strict=True), style, markersize=3, label=split)
        axes.set(xlabel="epoch", title=f"{title}: {measure}")
        axes.grid(alpha=0.3)
        if axes.has_data():
            axes.legend(frameon=False)
    figure.axes[1].set_ylim(0, 1)
    figure.savefig(path, dpi=110)


def draw_confusion(path: Path, pairs: Sequence[tuple[str, str]], *, title: str) -> None:
    """Share of the videos of each class (row) taken for each class (column); a pair is (actual, predicted)."""
    classes = sorted({name for pair in pairs for name in pair})
    counts, totals = Counter(pairs), Counter(actual for actual, _ in pairs)
    shares = [[counts[row, column] / max(1, totals[row]) for column in classes] for row in classes]
    side = min(12.0, 2.5 + 0.35 * len(classes))
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    if len(classes) <= 40:
        axes.set_xticks(range(len(classes)), labels=classes, rotation=90, fontsize=7)
        axes.set_yticks(range(len(classes)), labels=classes, fontsize=7)
    axes.set(xlabel="predicted", ylabel="actual", title=title)
    figure.colorbar(image, ax=axes, shrink=0.7)
    figure.savefig(path, dpi=110)
