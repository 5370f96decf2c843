"""Pixels to what a network takes."""

from __future__ import annotations

import torch

from gsf.nn.backbones import Preprocessing


def normalize(frames: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """`(..., 3, H, W)` uint8 RGB to float32 in the network's colour order, scale, mean and deviation."""
    pixels = frames.to(torch.float32)
    if preprocessing.colour_order == "bgr":
        pixels = pixels.flip(-3)
    elif pixels is frames:
        pixels = pixels.clone()  # what is given stays as it is
    mean = torch.tensor(preprocessing.mean, device=frames.device)
    std = torch.tensor(preprocessing.std, device=frames.device)
    by_pixel = pixels.movedim(-3, -1)
    if by_pixel.is_contiguous():  # as loaders give it: whole rows at once are many times as fast as three numbers
        rows = by_pixel.view(*by_pixel.shape[:-2], -1)  # (..., H, W * 3)
        width = by_pixel.shape[-2]
        rows.div_(preprocessing.scale).sub_(mean.repeat(width)).div_(std.repeat(width))
        return pixels
    return pixels.div_(preprocessing.scale).sub_(mean.view(3, 1, 1)).div_(std.view(3, 1, 1))
