"""Geometric operations on uint8 frames: rotation, shear and translation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F

from gsf.data.augment.boxes import Box

Matrix = tuple[tuple[float, float, float], tuple[float, float, float]]  # from x, y of a place in the new frame to the old


def rotation(degrees: float, *, height: int, width: int) -> Matrix:
    """Counterclockwise around the centre of the frame."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = width / 2, height / 2
    return (cos, -sin, x - cos * x + sin * y), (sin, cos, y - sin * x - cos * y)


def shear_x(share: float) -> Matrix:
    """Rows move left by `share` of their distance from the top."""
    return (1.0, share, 0.0), (0.0, 1.0, 0.0)


def shear_y(share: float) -> Matrix:
    """Columns move up by `share` of their distance from the left."""
    return (1.0, 0.0, 0.0), (share, 1.0, 0.0)


def warp(frames: torch.Tensor, matrix: Matrix, *, fill: Sequence[int], box: Box | None = None) -> torch.Tensor:
    """Move the pixels of `(T, 3, H, W)`, bilinear; what comes from outside the frame has the colour `fill`.

    Of the result only the box is computed, where one is given.
    """
    height, width = frames.shape[-2:]
    box = box or Box(0, 0, height, width)
    grid, outside = _places(matrix, tuple(fill), box, height, width, frames.device)
    moved = F.grid_sample(
        frames.float(),
        grid.expand(len(frames), -1, -1, -1),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )
    return moved.add_(outside).to(torch.uint8, memory_format=torch.channels_last)


@lru_cache(maxsize=4)  # the frames of a clip come one by one
def _places(
    matrix: Matrix, fill: tuple[int, ...], box: Box, height: int, width: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """For each pixel of the box: its old place `(h, w, 2)`, and what to add to the sample there, `(3, h, w)`."""
    x = torch.arange(box.left, box.left + box.width, device=device) + 0.5
    y = (torch.arange(box.top, box.top + box.height, device=device) + 0.5).unsqueeze(1)
    (a, b, c), (d, e, f) = matrix
    old_x, old_y = a * x + b * y + c, d * x + e * y + f  # (h, w): 0 and `width` are the outer edges of the frame
    grid = torch.stack([old_x * (2 / width) - 1, old_y * (2 / height) - 1], dim=-1)
    # What lies outside comes in as zeros: it gets its colour, as far as a pixel is from there. Half a level to round.
    outside = 1 - _inside(old_x, width) * _inside(old_y, height)
    colour = torch.tensor(fill, dtype=torch.float32, device=device).view(-1, 1, 1)
    return grid, outside * colour + 0.5


def _inside(place: torch.Tensor, size: int) -> torch.Tensor:
    """Which share of a pixel with its centre at `place` lies in 0 .. size."""
    return torch.minimum(place + 0.5, size + 0.5 - place).clamp_(0, 1)


def translate(frames: torch.Tensor, x: int, y: int, *, fill: Sequence[int], box: Box | None = None) -> torch.Tensor:
    """Move the picture left by `x` and up by `y` whole pixels; what comes from outside the frame is `fill`."""
    count, channels, height, width = frames.shape
    box = box or Box(0, 0, height, width)
    colour = torch.tensor(fill, dtype=torch.uint8, device=frames.device)
    moved = colour.expand(count, box.height, box.width, channels).contiguous().permute(0, 3, 1, 2)
    left, top = box.left + x, box.top + y  # of the box in the old frame
    first_row, last_row = max(0, top), min(height, top + box.height)
    first_column, last_column = max(0, left), min(width, left + box.width)
    if first_row < last_row and first_column < last_column:
        rows, columns = slice(first_row - top, last_row - top), slice(first_column - left, last_column - left)
        moved[..., rows, columns] = frames[..., first_row:last_row, first_column:last_column]
    return moved
