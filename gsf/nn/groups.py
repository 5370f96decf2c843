"""Channels of a feature map as the two groups of GSM and GSF, and back."""

from __future__ import annotations

import torch
from torch import Tensor


def split_groups(features: Tensor, num_segments: int) -> Tensor:
    """View `(B*T, F, H, W)` as `(B, T, 2 groups, F/2, H, W)`; nothing is copied."""
    frames, channels, height, width = features.shape
    return features.view(frames // num_segments, num_segments, 2, channels // 2, height, width)


def join_groups(groups: Tensor, x: Tensor, *, interleave: bool) -> Tensor:
    """The groups as the first F channels of a map like `x`, whose other channels are passed on.

    Interleaving turns channel `i * F/4 + j` of a group into its channel `2j + i`, i in {0, 1}:

        F/2 = 6:   0 1 2 | 3 4 5   ->   0 3 1 4 2 5

    Args:
        groups: `(B, T, 2, F/2, H, W)`.
        x: `(B*T, C, H, W)`, the input of the module; gives the untouched channels and the memory format.
        interleave: whether to mix the halves.

    Returns:
        `(B*T, C, H, W)`.
    """
    clips, time, _, half, height, width = groups.shape
    processed = 2 * half
    if interleave:
        groups = groups.view(clips, time, 2, 2, half // 2, height, width).transpose(3, 4)
    out = _flatten(groups, x)
    if processed < x.shape[1]:
        out = torch.cat((out, x[:, processed:]), 1)
    return out


def _flatten(groups: Tensor, x: Tensor) -> Tensor:
    """`(B, T, 2, ..., H, W)` as `(B*T, F, H, W)` in the memory format of x, in at most one copy."""
    if x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous():
        last = groups.movedim((-2, -1), (2, 3))  # (B, T, H, W, 2, ...)
        return last.flatten(4).flatten(0, 1).movedim(-1, 1)
    return groups.flatten(2, -3).flatten(0, 1)
