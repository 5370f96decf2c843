"""What is said of a picture, drawn on it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont
_SHADE, _TEXT, _BAR, _FAINT = (0, 0, 0, 150), (255, 255, 255, 255), (86, 180, 233, 255), (200, 200, 200, 255)
_LINES = 3  # classes shown


def overlay(view: bytes, probabilities: Sequence[tuple[str, float]], below: str) -> Image.Image:
    """The picture with its leading classes, and a line below them: an RGB image of the same size.

    Args:
        view: JPEG.
        probabilities: classes, the most probable first; empty before the first answer.
        below: latency and the like.
    """
    picture = Image.open(io.BytesIO(view)).convert("RGBA")
    size = max(14, picture.height // 20)
    large, small = _font(size), _font(size * 3 // 4)
    shown = list(probabilities[:_LINES])
    step, margin = round(size * 1.35), size // 2
    box = Image.new("RGBA", (picture.width, step * len(shown) + round(size * 1.1) + margin), _SHADE)
    draw = ImageDraw.Draw(box)
    bar = picture.width // 4
    figures = round(large.getlength("100 %")) + margin
    for row, (label, probability) in enumerate(shown):
        top, colour = margin // 2 + row * step, _TEXT if row == 0 else _FAINT
        draw.rectangle((margin, top + size // 4, margin + bar * probability, top + size), fill=_BAR)
        draw.text((margin + bar + figures, top), f"{100 * probability:.0f} %", font=large, fill=colour, anchor="ra")
        left = margin + bar + figures + margin
        draw.text((left, top), _fitting(label, large, picture.width - left - margin), font=large, fill=colour)
    draw.text((margin, margin // 2 + len(shown) * step), below, font=small, fill=_FAINT)
    picture.alpha_composite(box, (0, 0))
    return picture.convert("RGB")


def _fitting(label: str, font: Font, width: int) -> str:
    """The label, cut where it is too long for the picture."""
    label = " ".join(label.split())
    if font.getlength(label) <= width:
        return label
    while label and font.getlength(f"{label}…") > width:
        label = label[:-1]
    return f"{label}…"


@cache
def _font(size: int) -> Font:
    """DejaVu Sans as matplotlib brings it: Pillow's own font lacks most scripts."""
    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    return ImageFont.truetype(Path(spec.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf", size)
