"""Operations on the colours of uint8 frames `(T, 3, H, W)`, on any device, to uint8.

A factor of 1 changes nothing. Statistics (a mean, an extreme, a histogram) are those of each frame by itself, as if the
frames were pictures. tests/data/test_augment_operations.py compares all of them with torchvision's.
"""

from __future__ import annotations

import torch

from gsf.data.augment.resize import to_bytes

_GREY = (0.2989, 0.587, 0.114)  # ITU-R BT.601


def invert(frames: torch.Tensor) -> torch.Tensor:
    return frames ^ 255


def posterize(frames: torch.Tensor, bits: int) -> torch.Tensor:
    """Keep the upper `bits` bits."""
    return frames & (256 - (1 << (8 - bits)))


def solarize(frames: torch.Tensor, threshold: int) -> torch.Tensor:
    """Invert the pixels of `threshold` and more."""
    if threshold > 255:
        return frames
    return frames ^ (frames >= threshold).to(torch.uint8).mul_(255)


def solarize_add(frames: torch.Tensor, amount: int) -> torch.Tensor:
    """Add `amount`, 0 .. 128, to the pixels below 128."""
    return frames + (frames < 128).to(torch.uint8).mul_(amount)


def brightness(frames: torch.Tensor, factor: float) -> torch.Tensor:
    return to_bytes(frames.float().mul_(factor))


def contrast(frames: torch.Tensor, factor: float) -> torch.Tensor:
    """Away from, or towards, the mean grey of each frame."""
    mean = _grey(frames).mean((-3, -2, -1), keepdim=True).round_()
    return to_bytes(frames.float().mul_(factor).add_(mean * (1 - factor)))


def saturation(frames: torch.Tensor, factor: float) -> torch.Tensor:
    """Away from, or towards, each pixel's grey."""
    grey = _grey(frames).mul_(1 - factor)
    return to_bytes(frames.float().mul_(factor).add_(grey))


def grayscale(frames: torch.Tensor) -> torch.Tensor:
    """Three equal channels."""
    return to_bytes(_grey(frames)).expand_as(frames)


def sharpness(frames: torch.Tensor, factor: float) -> torch.Tensor:
    """Away from, or towards, a blur by the 3 x 3 kernel of ones with a 5 in its middle; the outermost pixels stay."""
    if min(frames.shape[-2:]) < 3:
        return frames
    whole = frames.to(torch.int16)
    inner = whole[..., 1:-1, 1:-1]
    rows = whole[..., :-2] + whole[..., 1:-1] + whole[..., 2:]
    blurred = rows[..., :-2, :] + rows[..., 1:-1, :] + rows[..., 2:, :] + 4 * inner
    sharp = frames.clone()
    sharp[..., 1:-1, 1:-1] = to_bytes(blurred.float().div_(13).round_().mul_(1 - factor).add_(inner * factor))
    return sharp


def autocontrast(frames: torch.Tensor) -> torch.Tensor:
    """Stretch each channel of each frame to 0 .. 255; one of a single grey level stays."""
    low = frames.amin((-2, -1), keepdim=True).float()
    high = frames.amax((-2, -1), keepdim=True).float()
    flat = high == low
    scale = torch.where(flat, 1.0, 255 / (high - low))
    return to_bytes(frames.float().sub_(low.masked_fill(flat, 0)).mul_(scale))


def equalize(frames: torch.Tensor) -> torch.Tensor:
    """Give each channel of each frame an even histogram."""
    planes = frames.reshape(-1, frames.shape[-2] * frames.shape[-1]).long()  # (T*3, H*W)
    counts = torch.zeros(len(planes), 256, dtype=torch.int64, device=frames.device)
    counts.scatter_add_(1, planes, torch.ones_like(planes))
    last = 255 - counts.flip(1).ne(0).to(torch.uint8).argmax(1, keepdim=True)  # the brightest level that occurs
    step = (planes.shape[1] - counts.gather(1, last)) // 255  # pixels a level should have, (T*3, 1)
    below = counts.cumsum(1) - counts
    table = ((below + step // 2) // step.clamp(min=1)).clamp(0, 255)
    table = torch.where(step == 0, torch.arange(256, device=frames.device), table).to(torch.uint8)
    return table.gather(1, planes).view(frames.shape)


def _grey(frames: torch.Tensor) -> torch.Tensor:
    """Float grey levels `(T, 1, H, W)`."""
    red, green, blue = frames.unsqueeze(-4).unbind(-3)  # (T, 1, H, W) each
    return (red * _GREY[0]).add_(green, alpha=_GREY[1]).add_(blue, alpha=_GREY[2])
