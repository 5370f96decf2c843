"""Scaling of uint8 frames."""

from __future__ import annotations

import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as v2


def resize(frames: torch.Tensor, *, height: int, width: int) -> torch.Tensor:
    """Bilinear with antialiasing, `(..., 3, H, W)` uint8 to uint8; frames of that size are returned as they are.

    On a GPU the sum is taken in float32 and rounded, so that a pixel may differ by one grey level.
    """
    if frames.shape[-2:] == (height, width):
        return frames
    if frames.device.type == "cpu" and frames.dim() == 4:
        # The kernel for bytes is several times as fast when the three colours of a pixel lie side by side.
        frames = frames.contiguous(memory_format=torch.channels_last)
    resized: torch.Tensor = v2.resize(frames, [height, width], interpolation=InterpolationMode.BILINEAR, antialias=True)
    return resized


def resize_short_side(frames: torch.Tensor, short_side: int) -> torch.Tensor:
    """Scale `(T, 3, H, W)` so that the shorter side is `short_side`, the other in proportion."""
    height, width = frames.shape[-2:]
    if height <= width:
        return resize(frames, height=short_side, width=max(short_side, round(width * short_side / height)))
    return resize(frames, height=max(short_side, round(height * short_side / width)), width=short_side)
