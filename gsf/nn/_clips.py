"""Checks and small helpers that the temporal modules share."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

Start = Literal["published", "identity"]


def processed_channels(layer: str, channels: int, ratio: float) -> int:
    """Channels F that take part: `channels * ratio`, which must be a positive multiple of 4.

    Four, because there are two groups, and the interleaving halves each of them (GSF, section 3).

    Raises:
        ValueError: ratio outside (0, 1], or a product that is not a positive multiple of 4.
    """
    if not 0 < ratio <= 1:
        raise ValueError(f"{layer}: ratio is {ratio}, must be > 0 and <= 1; use 1, 1/2, 1/4 or 1/8")
    product = channels * ratio
    processed = round(product)
    # A ratio such as 24/40 is not exact in binary: accept the integer it stands for, nothing else.
    if not math.isclose(product, processed, rel_tol=1e-9) or processed % 4 or processed < 4:
        raise ValueError(
            f"{layer}: channels {channels} * ratio {ratio} is {product:g}, must be a positive multiple of 4; "
            "choose another ratio, or let insert_temporal round it down"
        )
    return processed


def check_segments(layer: str, num_segments: int) -> int:
    """`num_segments` itself; ValueError if it is below 1."""
    if num_segments < 1:
        raise ValueError(f"{layer}: num_segments is {num_segments}, must be >= 1; give the frames of a clip")
    return num_segments


def check_start(layer: str, start: str) -> None:
    """ValueError unless `start` is one of the initial states."""
    if start not in get_args(Start):
        raise ValueError(f"{layer}: start is {start!r}, must be 'published' or 'identity'")


def check_batch(layer: str, x: Tensor, channels: int, num_segments: int) -> None:
    """Accept `(B*T, C, H, W)` with C = `channels`, T = `num_segments`.

    Raises:
        ValueError: another rank, another channel count, or frames that do not make whole clips.
    """
    if x.dim() != 4 or x.shape[1] != channels:
        raise ValueError(
            f"{layer}: input has shape {tuple(x.shape)}, must be (B*T, {channels}, H, W); "
            "build the module with the channels of the feature map it receives"
        )
    if x.shape[0] % num_segments:
        raise ValueError(
            f"{layer}: input has {x.shape[0]} frames, must be a multiple of num_segments {num_segments}; "
            "keep the frames of a clip together and pass whole clips"
        )


def unflatten(x: Tensor, dim: int, sizes: tuple[int, ...]) -> Tensor:
    """`x.unflatten(dim, sizes)`, with a type."""
    out: Tensor = x.unflatten(dim, sizes)  # type: ignore[no-untyped-call]
    return out


def full_precision(x: Tensor) -> AbstractContextManager[None]:
    """A context in which autocast leaves products on the device of x in the precision of their factors."""
    # Without autocast there is nothing to turn off, and a compiler sees no region that it would have to keep apart.
    return torch.autocast(x.device.type, enabled=False) if torch.is_autocast_enabled(x.device.type) else nullcontext()


def shift(y: Tensor, dim: int = 1) -> Tensor:
    """Shift `(B, T, 2, ...)` along time: group 0 takes frame t+1, group 1 frame t-1, zeros at the ends."""
    before, after = y.unbind(dim + 1)
    later = before.narrow(dim, 1, before.shape[dim] - 1)
    earlier = after.narrow(dim, 0, after.shape[dim] - 1)
    time = 2 * (y.dim() - 2 - dim)  # functional.pad counts dimensions from the last
    return torch.stack(
        (functional.pad(later, [0] * time + [0, 1]), functional.pad(earlier, [0] * time + [1, 0])), dim + 1
    )
