"""Pixels to what a network takes."""

from __future__ import annotations

import torch

from gsf.nn.backbones import Preprocessing


def normalize(frames: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """`(..., 3, H, W)` uint8 RGB to float32 in the network's colour order, scale, mean and deviation."""
    pixels = frames.to(torch.float32)
    if preprocessing.colour_order == "bgr":
        pixels = pixels.flip(-3)
    mean = torch.tensor(preprocessing.mean, device=frames.device).view(3, 1, 1)
    std = torch.tensor(preprocessing.std, device=frames.device).view(3, 1, 1)
    return (pixels / preprocessing.scale - mean) / std
