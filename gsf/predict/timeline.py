"""A picture of what a network says of a long video, by time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gsf.predict.answers import Answer
from gsf.predict.frames import VideoFrames
from gsf.provenance.hashing import write_atomically

_MOST, _FEWEST = 16, 8  # classes shown: all that lead somewhere, then others by their highest probability
_STRIP = 8.0  # width of the strip of pictures, in its height


def write_timeline(path: Path, frames: VideoFrames, answers: Sequence[Answer]) -> None:
    """A PNG: frames along the video, and below them the probability of the leading classes in each window."""
    classes = leading_classes(answers)
    with mpl.rc_context():
        mpl.rcdefaults()
        figure = Figure(figsize=(11, 2.1 + 0.34 * len(classes)), layout="constrained")
        pictures, heat = figure.subplots(2, 1, height_ratios=[1.3, 0.34 * len(classes) + 0.2])
        _pictures(pictures, frames, answers[-1].part.stop)
        image = _heat(heat, answers, classes)
        figure.colorbar(image, ax=heat, pad=0.01, label="probability")
        buffer = io.BytesIO()
        FigureCanvasAgg(figure)
        figure.savefig(buffer, format="png", metadata={"Software": None})
    write_atomically(path, buffer.getvalue())


def leading_classes(answers: Sequence[Answer]) -> list[str]:
    """Those with the highest probability in any window, the ones that lead first in the order in which they do."""
    best: dict[str, float] = {}
    for answer in answers:
        for label, value in answer.best(_FEWEST):
            best[label] = max(value, best.get(label, 0.0))
    leads = list(dict.fromkeys(_leader(answer) for answer in answers))
    others = sorted(best.keys() - set(leads), key=lambda label: (-best[label], label))
    ahead = sorted(leads, key=lambda label: -best[label])[:_MOST]
    return [label for label in leads if label in ahead] + others[: max(0, _FEWEST - len(leads))]


def _pictures(axes: Axes, frames: VideoFrames, stop: int) -> None:
    height, width = frames.decode([0]).shape[-2:]
    count = max(3, round(_STRIP * height / width))  # as many as show them undistorted
    shown = np.linspace(0, stop - 1, count).round().astype(int)
    clip = frames.decode(sorted(set(shown.tolist())))  # (n, 3, H, W)
    strip = torch.cat([*clip.permute(0, 2, 3, 1)], dim=1).numpy()  # (H, n * W, 3)
    axes.imshow(strip, aspect="auto", interpolation="bilinear")
    axes.set_axis_off()
    axes.set_title(frames.name, loc="left", fontsize=11)


def _heat(axes: Axes, answers: Sequence[Answer], classes: Sequence[str]) -> Any:
    chosen = [answers[0].classes.index(label) for label in classes]
    values = np.stack([answer.values[chosen] for answer in answers], axis=1)  # (classes, windows)
    image = axes.pcolormesh(_edges(answers), np.arange(len(classes) + 1), values, cmap="Blues", vmin=0, vmax=1)
    axes.set_yticks(np.arange(len(classes)) + 0.5, classes)
    axes.invert_yaxis()
    axes.set_xlim(0, _end(answers))
    axes.set_xlabel("seconds" if answers[0].part.seconds is not None else "frames")
    rows = {label: row + 0.5 for row, label in enumerate(classes)}
    dots = [(_middle(answer), rows[label]) for answer in answers if (label := _leader(answer)) in rows]
    axes.plot([x for x, _ in dots], [y for _, y in dots], "o", color="#D55E00", markersize=4)
    axes.set_title("dot: the most probable class of a window", loc="right", fontsize=9)
    return image


def _leader(answer: Answer) -> str:
    return answer.best(1)[0][0]


def _edges(answers: Sequence[Answer]) -> Any:
    """Where one window's colour gives way to the next one's: half-way between their middles."""
    middles = [_middle(answer) for answer in answers]
    between = [(one + other) / 2 for one, other in pairwise(middles)]
    return np.array([0.0, *between, _end(answers)])


def _middle(answer: Answer) -> float:
    start, stop = answer.part.seconds or (answer.part.start, answer.part.stop)
    return (start + stop) / 2


def _end(answers: Sequence[Answer]) -> float:
    part = answers[-1].part
    return part.seconds[1] if part.seconds is not None else float(part.stop)
