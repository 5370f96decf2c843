"""Geometric operations on uint8 frames: rotation, shear and translation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from gsf.data.augment.boxes import Box
from gsf.data.augment.resize import to_bytes

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


def translation(x: float, y: float) -> Matrix:
    """The picture moves left by `x` and up by `y` pixels."""
    return (1.0, 0.0, x), (0.0, 1.0, y)


def warp(frames: torch.Tensor, matrix: Matrix, *, fill: Sequence[int], box: Box | None = None) -> torch.Tensor:
    """Move the pixels of `(T, 3, H, W)`, bilinear; what comes from outside the frame has the colour `fill`.

    Of the result only the box is computed, where one is given.
    """
    count, channels, height, width = frames.shape
    box = box or Box(0, 0, height, width)
    x = torch.arange(box.left, box.left + box.width, device=frames.device) + 0.5
    y = (torch.arange(box.top, box.top + box.height, device=frames.device) + 0.5).unsqueeze(1)
    (a, b, c), (d, e, f) = matrix
    # to -1 .. 1 between the outer edges of the frame
    grid = torch.stack([(a * x + b * y + c) * (2 / width) - 1, (d * x + e * y + f) * (2 / height) - 1], dim=-1)
    colour = torch.tensor(fill, dtype=torch.float32, device=frames.device).view(1, channels, 1, 1)
    pixels = frames.float().sub_(colour)  # so that the zeros that come from outside are the fill
    moved = F.grid_sample(pixels, grid.expand(count, -1, -1, -1), mode="bilinear", align_corners=False)
    return to_bytes(moved.add_(colour))
