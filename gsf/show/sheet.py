"""A contact sheet: strips of frames with words above them, as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image, ImageDraw, ImageFont

from gsf.data.augment.boxes import Box

_PAPER, _INK, _OUTLINE = (255, 255, 255), (20, 20, 20), (230, 30, 30)
_MARGIN, _GAP, _FONT_SIZE = 12, 3, 14  # px
_LEAST_HEIGHT = 96  # px of a frame on the sheet: smaller ones are enlarged by a whole number


@dataclass(frozen=True)
class Strip:
    """A row of frames: words above, and perhaps a box drawn into every frame."""

    words: tuple[str, ...]
    frames: torch.Tensor  # (T, 3, H, W) uint8
    box: Box | None = None


def draw_sheet(strips: Sequence[Strip]) -> Image.Image:
    """All strips, one below the other."""
    font = ImageFont.load_default(_FONT_SIZE)
    pictures = [_strip(strip, font) for strip in strips]
    width = max(picture.width for picture in pictures) + 2 * _MARGIN
    sheet = Image.new("RGB", (width, sum(picture.height for picture in pictures) + 2 * _MARGIN), _PAPER)
    top = _MARGIN
    for picture in pictures:
        sheet.paste(picture, (_MARGIN, top))
        top += picture.height
    return sheet


def _strip(strip: Strip, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Image.Image:
    pictures = [_frame(frame, strip.box) for frame in strip.frames]
    line = _FONT_SIZE + 5
    text = line * len(strip.words)
    frames_width = sum(picture.width + _GAP for picture in pictures)
    words_width = max((int(font.getlength(word)) for word in strip.words), default=0)
    canvas = Image.new("RGB", (max(frames_width, words_width), text + pictures[0].height + 2 * _GAP), _PAPER)
    pen = ImageDraw.Draw(canvas)
    for number, word in enumerate(strip.words):
        pen.text((0, number * line), word, fill=_INK, font=font)
    left = 0
    for picture in pictures:
        canvas.paste(picture, (left, text))
        left += picture.width + _GAP
    return canvas


def _frame(frame: torch.Tensor, box: Box | None) -> Image.Image:
    """`(3, H, W)` uint8 as a picture, enlarged where it is small, with the box outlined."""
    picture = Image.fromarray(frame.permute(1, 2, 0).contiguous().numpy())
    times = max(1, -(-_LEAST_HEIGHT // picture.height))
    picture = picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
    if box is not None:
        corners = (box.left, box.top, box.left + box.width, box.top + box.height)
        left, top, right, bottom = (corner * times for corner in corners)
        ImageDraw.Draw(picture).rectangle((left, top, right - 1, bottom - 1), outline=_OUTLINE, width=2)
    return picture
