"""Operations on the colours of uint8 frames `(T, 3, H, W)`, on any device, to uint8.

A factor of 1 changes nothing. Statistics (a mean, an extreme, a histogram) are those of each whole frame by itself, as if
the frames were pictures; where a box is given, only that part of the result is computed. The numbers of a row lie side
by side in frames that are channels last, as decoders give them, and are worked on as such: `(T, H, W * 3)`.
tests/data/test_augment_operations.py compares all operations with torchvision's and Pillow's.
"""

from __future__ import annotations

import torch

from gsf.data.augment.boxes import Box
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


def saturation(frames: torch.Tensor, factor: float) -> torch.Tensor:
    """Away from, or towards, each pixel's grey."""
    pixels = _planes(frames)
    return to_bytes(torch.add(_grey(pixels).mul_(1 - factor), pixels, alpha=factor))


def grayscale(frames: torch.Tensor) -> torch.Tensor:
    """Three equal channels."""
    return to_bytes(_grey(_planes(frames))).expand_as(frames)


def contrast(frames: torch.Tensor, factor: float, *, box: Box | None = None) -> torch.Tensor:
    """Away from, or towards, the mean grey of each frame."""
    sums = _by_channel(_rows(frames).sum(1, dtype=torch.int32)).sum(1, dtype=torch.int64)  # (T, 3)
    weights = torch.tensor(_GREY, dtype=torch.float64, device=frames.device)
    grey = (sums.double() @ weights).div_(frames[0, 0].numel())
    shift = grey.round_().float().mul_(1 - factor).view(-1, 1, 1, 1)
    return to_bytes(_part(frames, box).float().mul_(factor).add_(shift))


def sharpness(frames: torch.Tensor, factor: float, *, box: Box | None = None) -> torch.Tensor:
    """Away from, or towards, a blur by the 3 x 3 kernel of ones with a 5 in its middle; the outermost pixels stay."""
    height, width = frames.shape[-2:]
    if min(height, width) < 3:
        return _part(frames, box)
    box = box or Box(0, 0, height, width)
    wide = box.grown(1, height=height, width=width)
    part = wide.cut(frames)
    numbers = part.to(torch.int16)
    inner = numbers[..., 1:-1, 1:-1]
    rows = numbers[..., :-2] + numbers[..., 1:-1] + numbers[..., 2:]
    blurred = rows[..., :-2, :] + rows[..., 1:-1, :] + rows[..., 2:, :] + 4 * inner
    sharp = part.clone()
    sharp[..., 1:-1, 1:-1] = to_bytes(blurred.float().mul_((1 - factor) / 13).add_(inner, alpha=factor))
    return Box(box.top - wide.top, box.left - wide.left, box.height, box.width).cut(sharp)


def autocontrast(frames: torch.Tensor, *, box: Box | None = None) -> torch.Tensor:
    """Stretch each channel of each frame to 0 .. 255; one of a single grey level stays."""
    rows = _rows(frames)
    low = _by_channel(rows.amin(1)).amin(1).float()  # (T, 3)
    high = _by_channel(rows.amax(1)).amax(1).float()
    flat = high == low
    scale = torch.where(flat, 1.0, 255 / (high - low))
    part = _rows(_part(frames, box))
    low, scale = (values.repeat(1, part.shape[-1] // 3).unsqueeze(1) for values in (low.masked_fill(flat, 0), scale))
    return to_bytes(_frames(part.float().sub_(low).mul_(scale)))


def equalize(frames: torch.Tensor, *, box: Box | None = None) -> torch.Tensor:
    """Give each channel of each frame an even histogram."""
    rows, count = _rows(frames), len(frames)
    table = torch.arange(0, count * 3 * 256, 256, dtype=torch.int32, device=frames.device)  # where each one's begins
    places = rows + table.view(count, 1, 3).repeat(1, 1, rows.shape[-1] // 3)  # in tables of 256 grey levels
    histogram = torch.bincount(places.flatten(), minlength=count * 3 * 256).view(count * 3, 256)
    last = 255 - histogram.flip(1).ne(0).to(torch.uint8).argmax(1, keepdim=True)  # the brightest level that occurs
    step = (frames[0, 0].numel() - histogram.gather(1, last)) // 255  # pixels that a level should have
    below = histogram.cumsum(1) - histogram
    levels = ((below + step // 2) // step.clamp(min=1)).clamp(0, 255)
    levels = torch.where(step == 0, torch.arange(256, device=frames.device), levels).to(torch.uint8)
    wanted = _rows(_part(_frames(places), box))
    return _frames(levels.flatten().index_select(0, wanted.flatten()).view(wanted.shape))


def _part(frames: torch.Tensor, box: Box | None) -> torch.Tensor:
    return frames if box is None else box.cut(frames)


def _rows(frames: torch.Tensor) -> torch.Tensor:
    """`(T, 3, H, W)` as `(T, H, W * 3)`; a view of frames, or of a box of frames, that are channels last."""
    return frames.permute(0, 2, 3, 1).flatten(2)


def _frames(rows: torch.Tensor) -> torch.Tensor:
    """`(T, H, W * 3)` as `(T, 3, H, W)`, a view."""
    return _by_channel(rows).permute(0, 3, 1, 2)


def _by_channel(numbers: torch.Tensor) -> torch.Tensor:
    """`(..., W * 3)` as `(..., W, 3)`, a view."""
    return numbers.view(*numbers.shape[:-1], -1, 3)


def _planes(frames: torch.Tensor) -> torch.Tensor:
    """Float levels, each channel by itself in memory."""
    return frames.to(torch.float32, memory_format=torch.contiguous_format)


def _grey(pixels: torch.Tensor) -> torch.Tensor:
    """Grey levels `(T, 1, H, W)` of floats."""
    red, green, blue = pixels.unsqueeze(-4).unbind(-3)  # (T, 1, H, W) each
    return (red * _GREY[0]).add_(green, alpha=_GREY[1]).add_(blue, alpha=_GREY[2])
