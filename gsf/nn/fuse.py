"""Fuse weights of GSF, from the means of what moved and of what stayed.

Sudhakaran, Escalera, Lanz, "Gate-Shift-Fuse for Video Action Recognition", TPAMI 2023, section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ._clips import full_precision, shift


def fuse_logits(mean_y: Tensor, mean_x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Logits of w, `(B, T, 2, F/2)`, from the spatial means of y (not yet shifted) and of x, of that shape too.

    A 3x3 convolution over the (channel, time) plane of shifted y and r, one for each group (section 3).
    """
    # mean(r) = mean(x) - mean(y), and the mean of shifted y is the shifted mean of y
    pooled = torch.stack((shift(mean_y), mean_x - mean_y), 3)  # (B, T, 2 groups, 2, F/2)
    plane = pooled.permute(0, 2, 3, 4, 1).flatten(1, 2)  # (B, 4, F/2, T)
    with full_precision(plane):  # a few values
        logits = functional.conv2d(plane, kernel.to(plane.dtype), bias.to(plane.dtype), padding=1, groups=2)
    return logits.permute(0, 3, 1, 2)
