"""The small pictures that all pictures of gates are made of: frames, gates over frames, fuse weights, evidence."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw, ImageFont

from gsf.explain.evidence import Evidence

Colour = tuple[int, int, int]
Pixels = npt.NDArray[np.float64]
BACKWARD, FORWARD = (33, 102, 172), (230, 97, 1)  # a gate of -1 and of 1; of 0: the frame shows through
STAYED, MIXED, CAME = (118, 42, 131), (247, 247, 247), (27, 120, 55)  # fuse weights below, at and above a half
INK, MUTED, PALE, CARD = (27, 30, 35), (89, 97, 110), (220, 223, 228), (255, 255, 255)
MARK, AGAINST = (0, 114, 178), (194, 82, 0)  # evidence for the class, and for its rival
_STRONGEST = 0.9  # opacity of the largest gate
_LIGHT = 0.35  # of white, in the frame below a gate, so that colours are told apart on dark frames too
_SHORTEST = 40  # px: from this size on a cell has room for a number


@cache
def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The face that comes with matplotlib: the same letters on every machine."""
    import matplotlib as mpl

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / name, size)


def frame_cell(frame: torch.Tensor, side: int) -> Image.Image:
    """A frame, `(3, H, W)` uint8."""
    picture = Image.fromarray(frame.permute(1, 2, 0).contiguous().numpy())
    return picture.resize((side, side), Image.Resampling.LANCZOS)


def gate_cell(frame: torch.Tensor, plane: torch.Tensor, scale: float, side: int) -> Image.Image:
    """A gate, `(h, w)`, over its frame in grey: orange above zero, blue below, nothing at zero.

    Without interpolation, so that the true size of the map shows. `scale` is the gate that has the full colour.
    """
    grey = np.asarray(frame_cell(frame, side).convert("L"), dtype=np.float64)[..., None]
    ground = (1 - _LIGHT) * grey + _LIGHT * 255
    share = (plane / scale if scale > 0 else plane).clamp(-1, 1).numpy().astype(np.float32)
    large = np.asarray(Image.fromarray(share).resize((side, side), Image.Resampling.NEAREST), dtype=np.float64)
    opacity = _STRONGEST * np.abs(large)[..., None]
    colour = np.where(large[..., None] < 0, np.array(BACKWARD), np.array(FORWARD))
    return _picture((1 - opacity) * ground + opacity * colour)


def fuse_cell(weights: torch.Tensor, scale: float, side: int) -> Image.Image:
    """Fuse weights of one frame, `(2, F/2)`: a column a group, a line a channel, in the order given.

    Green where more than half has come from the frame beside, purple where more has stayed; `scale` is the distance
    from a half that has the full colour.
    """
    width = side // 2
    columns = []
    for group, room in zip(weights, (width, side - width), strict=True):
        line = Image.fromarray(group.numpy().astype(np.float32)[:, None])
        columns.append(np.asarray(line.resize((room, side), Image.Resampling.BOX), dtype=np.float64))
    columns[0][:, -1:] = np.nan  # a thin line between the two
    shown = np.concatenate(columns, axis=1)[..., None]
    away = (np.abs(np.nan_to_num(shown, nan=0.5) - 0.5) / (scale if scale > 0 else 1)).clip(0, 1)
    colour = np.where(shown < 0.5, np.array(STAYED), np.array(CAME))
    pixels = (1 - away) * np.array(MIXED) + away * colour
    return _picture(np.where(np.isnan(shown), np.array(CARD), pixels))


def evidence_cells(found: Evidence, side: int) -> list[Image.Image]:
    """A bar a frame for the class, a line across for its rival, all to one scale that holds zero."""
    return [evidence_cell(found, frame, side, side) for frame in range(len(found.by_frame))]


def evidence_cell(found: Evidence, frame: int, width: int, height: int, *, pale: bool = False) -> Image.Image:
    """The bar of one frame; `pale` puts it behind another one."""
    low, high = _range(found)
    room = 12 if width >= _SHORTEST else 0
    top, bottom = room + 1, height - room - 2

    def at(value: float) -> int:
        return round(bottom - (value - low) / (high - low) * (bottom - top))

    picture = Image.new("RGB", (width, height), CARD)
    draw = ImageDraw.Draw(picture)
    value = found.by_frame[frame]
    zero, end = at(0.0), at(value)
    colour = _mixed(MARK, CARD, 0.65) if pale else MARK
    draw.rectangle((width // 5, min(zero, end), width - width // 5, max(zero, end)), fill=colour)
    if found.rival_by_frame:
        level = at(found.rival_by_frame[frame])
        draw.rectangle((width // 10, level - 1, width - width // 10, level), fill=AGAINST)
    draw.line((0, zero, width, zero), fill=MUTED)
    if room:
        words = f"{value:+.2f}".replace("-", "\u2212")
        place = end - 1 if value >= 0 else end + 1
        draw.text((width / 2, place), words, font=font(9), fill=INK, anchor="mb" if value >= 0 else "mt")
    return picture


def _range(found: Evidence) -> tuple[float, float]:
    values: Sequence[float] = (0.0, *found.by_frame, *found.rival_by_frame)
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 1, high + 1)


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`share` of the other."""
    first, second, third = (round((1 - share) * a + share * b) for a, b in zip(one, other, strict=True))
    return first, second, third


def _picture(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8))
