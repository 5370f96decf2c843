"""Rows of cells, a column a frame: what the network sees, its evidence, and what each layer moves and fuses.

The results site shows the rows as they are and writes the words itself; `gsf explain` writes them into the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image, ImageDraw, ImageFont

from gsf.explain.cells import (
    AGAINST,
    BACKWARD,
    CAME,
    CARD,
    FORWARD,
    INK,
    MARK,
    MUTED,
    STAYED,
    Colour,
    evidence_cells,
    font,
    frame_cell,
    fuse_cell,
    gate_cell,
)
from gsf.explain.evidence import Evidence
from gsf.explain.recording import Layer
from gsf.names import visible

GAP = 2  # px between two cells
PAPER = (128, 128, 128)
_HEAD, _LINE, _FOOT, _EDGE, _GUTTER = 30, 18, 30, 12, 176  # px; the gutter has the words of the rows
_NARROWEST = 760  # px
_WORDS = {-1: "to the frame before", 1: "to the frame after"}


@dataclass(frozen=True, eq=False)
class Row:
    """T cells, and in words what they show."""

    name: str
    words: str
    cells: Sequence[Image.Image]


@dataclass(frozen=True)
class Scale:
    """What has the full colour: the largest |gate|, and the largest distance of a fuse weight from a half."""

    gate: float
    fuse: float


def top_rows(frames: torch.Tensor, found: Evidence, classes: Sequence[str], side: int) -> list[Row]:
    """The frames, `(T, 3, H, W)` uint8, and the evidence."""
    against = "" if found.rival is None else f"line: for {visible(classes[found.rival])}"
    return [
        Row("what the network sees", "", [frame_cell(frame, side) for frame in frames]),
        Row(f"for {visible(classes[found.label])}", against, evidence_cells(found, side)),
    ]


def words_of_rows(layer: Layer) -> list[str]:
    """What each row of a layer shows."""
    gates = [] if layer.gate is None else [f"gate {_WORDS[step]}" for step in layer.steps]
    return [*gates, *(["fuse weights"] if layer.fuse is not None else [])]


def layer_rows(frames: torch.Tensor, layer: Layer, scale: Scale, side: int) -> list[Row]:
    """Two rows of gates and one of fuse weights, as far as the layer has them."""
    rows: list[list[Image.Image]] = []
    if layer.gate is not None:
        for plane in (0, 1):
            pairs = zip(frames, layer.gate[:, plane], strict=True)
            rows.append([gate_cell(frame, gate, scale.gate, side) for frame, gate in pairs])
    if layer.fuse is not None:
        rows.append([fuse_cell(weights, scale.fuse, side) for weights in by_mean(layer.fuse)])
    named = zip(words_of_rows(layer), rows, strict=True)
    return [Row("" if place else layer.name, words, cells) for place, (words, cells) in enumerate(named)]


def scale_of(clips: Sequence[Layer]) -> Scale:
    """Of one layer over several clips."""
    gates = (float(layer.gate.abs().max()) for layer in clips if layer.gate is not None)
    fuse = (float((layer.fuse - 0.5).abs().max()) for layer in clips if layer.fuse is not None)
    return Scale(max(gates, default=0.0), max(fuse, default=0.0))


def by_mean(weights: torch.Tensor) -> torch.Tensor:
    """`(T, 2, F/2)` with the channels of each group by falling mean over time, so that neighbours are alike."""
    order = weights.mean(0).argsort(dim=1, descending=True, stable=True)
    return weights.gather(2, order.expand_as(weights))


def grid(rows: Sequence[Row], side: int) -> Image.Image:
    """The cells alone."""
    step = side + GAP
    sheet = Image.new("RGB", (len(rows[0].cells) * step - GAP, len(rows) * step - GAP), PAPER)
    for line, row in enumerate(rows):
        for column, cell in enumerate(row.cells):
            sheet.paste(cell, (column * step, line * step))
    return sheet


def labelled(
    rows: Sequence[Row], side: int, *, title: str, lines: Sequence[str], columns: Sequence[str]
) -> Image.Image:
    """The cells with a title, lines below it, words beside each row and above each column, and what colours mean."""
    cells = grid(rows, side)
    top = _EDGE + _HEAD + _LINE * len(lines) + _LINE
    width = max(_NARROWEST, _EDGE + _GUTTER + cells.width + _EDGE)
    sheet = Image.new("RGB", (width, top + cells.height + _FOOT + _EDGE), CARD)
    draw = ImageDraw.Draw(sheet)
    draw.text(
        (_EDGE, _EDGE), fitting(title, font(17, bold=True), width - 2 * _EDGE), font=font(17, bold=True), fill=INK
    )
    for number, words in enumerate(lines):
        place = (_EDGE, _EDGE + _HEAD + _LINE * number)
        draw.text(place, fitting(words, font(12), width - 2 * _EDGE), font=font(12), fill=MUTED)
    for column, words in enumerate(columns):
        x = _EDGE + _GUTTER + column * (side + GAP) + side / 2
        draw.text((x, top - 4), fitting(words, font(9), side), font=font(9), fill=MUTED, anchor="ms")
    for number, row in enumerate(rows):
        y = top + number * (side + GAP) + side / 2
        both = bool(row.name and row.words)
        if row.name:
            words = fitting(row.name, font(11, bold=True), _GUTTER - 10)
            draw.text((_EDGE, y - 7 * both), words, font=font(11, bold=True), fill=INK, anchor="lm")
        if row.words:
            words = fitting(row.words, font(11), _GUTTER - 10)
            draw.text((_EDGE, y + 8 * both), words, font=font(11), fill=MUTED, anchor="lm")
    sheet.paste(cells, (_EDGE + _GUTTER, top))
    legend(draw, _EDGE, top + cells.height + _FOOT / 2 + 3, kinds([row.words for row in rows]))
    return sheet


def kinds(words: Sequence[str]) -> list[tuple[Colour, str]]:
    """What the colours of rows mean, by what the rows show."""
    found: list[tuple[Colour, str]] = [(MARK, "evidence"), (AGAINST, "of the rival")]
    if any(text.startswith("gate") for text in words):
        found += [(FORWARD, "moves"), (BACKWARD, "moves, sign turned")]
    if any(text.startswith("fuse") for text in words):
        found += [(CAME, "takes what came"), (STAYED, "keeps what stayed")]
    return found


def legend(draw: ImageDraw.ImageDraw, x: float, y: float, entries: Sequence[tuple[Colour, str]]) -> None:
    """Squares with words, in one line from (x, y) on, y the middle."""
    for colour, words in entries:
        draw.rectangle((x, y - 5, x + 10, y + 5), fill=colour)
        draw.text((x + 15, y), words, font=font(10), fill=MUTED, anchor="lm")
        x += 15 + font(10).getlength(words) + 16


def fitting(words: str, face: ImageFont.FreeTypeFont, width: float) -> str:
    """As much of the words as `width` px hold, an ellipsis where some are left out."""
    if face.getlength(words) <= width:
        return words
    while words and face.getlength(f"{words}\u2026") > width:
        words = words[:-1]
    return f"{words}\u2026"
