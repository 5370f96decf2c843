"""Scaling of uint8 frames."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def resize(frames: torch.Tensor, *, height: int, width: int) -> torch.Tensor:
    """Bilinear with antialiasing, `(..., 3, H, W)` uint8 to uint8; frames of that size already are returned as they are.

    On a GPU the sum is taken in float32 and rounded, so that a pixel may differ by one grey level.
    """
    if frames.shape[-2:] == (height, width):
        return frames
    size = (height, width)
    if frames.device.type == "cpu":
        # The kernel for bytes is several times as fast when the three colours of a pixel lie side by side.
        packed = frames.contiguous(memory_format=torch.channels_last)
        return F.interpolate(packed, size=size, mode="bilinear", align_corners=False, antialias=True)
    return to_bytes(F.interpolate(frames.float(), size=size, mode="bilinear", align_corners=False, antialias=True))


def resize_short_side(frames: torch.Tensor, short_side: int) -> torch.Tensor:
    """Scale `(T, 3, H, W)` so that the shorter side is `short_side`, the other in proportion."""
    height, width = frames.shape[-2:]
    if height <= width:
        return resize(frames, height=short_side, width=max(short_side, round(width * short_side / height)))
    return resize(frames, height=max(short_side, round(height * short_side / width)), width=short_side)


def to_bytes(pixels: torch.Tensor) -> torch.Tensor:
    """Float grey levels `(T, 3, H, W)`, overwritten, to the nearest uint8 in 0 .. 255, channels last in memory."""
    return pixels.round_().clamp_(0, 255).to(torch.uint8, memory_format=torch.channels_last)
