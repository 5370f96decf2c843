"""Temporal Shift Module (TSM): moves a fixed share of the channels one frame.

Lin, Gan, Han, "TSM: Temporal Shift Module for Efficient Video Understanding", ICCV 2019, section 3.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from . import functional
from ._clips import check_batch, check_segments


class TSM(nn.Module):
    """Shift the first `channels // fold_div` channels one frame back and the next ones one frame ahead.

    Args:
        channels: channels C of the feature map.
        num_segments: frames T of a clip.
        fold_div: one part in `fold_div` of the channels takes frame t+1, the next part frame t-1; as published, a
            remainder of the division stays where it is.

    Shape:
        `(B*T, C, H, W)` to the same; the T frames of a clip are contiguous.

    Raises:
        ValueError: fewer than `fold_div` channels, `fold_div` below 2, or an input of another shape.
    """

    def __init__(self, channels: int, num_segments: int, fold_div: int = 8) -> None:
        super().__init__()
        if fold_div < 2 or channels < fold_div:
            raise ValueError(
                f"TSM: fold_div is {fold_div} for {channels} channels, must be from 2 to the number of channels; "
                "the published value is 8"
            )
        self.channels = channels
        self.num_segments = check_segments("TSM", num_segments)
        self.fold_div = fold_div
        self.fold = channels // fold_div

    def forward(self, x: Tensor) -> Tensor:
        check_batch("TSM", x, self.channels, self.num_segments)
        if torch.compiler.is_compiling():  # exporting, too
            return functional.temporal_shift(x, self.num_segments, self.fold)
        out: Tensor = _Shift.apply(x, self.num_segments, self.fold, False)
        return out

    def extra_repr(self) -> str:
        return f"{self.channels}, num_segments={self.num_segments}, fold_div={self.fold_div}"


class _Shift(Function):
    """The shift in one pass that keeps the memory format; its gradient is the shift the other way round."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, num_segments: int, fold: int, reverse: bool) -> Tensor:
        ctx.options = num_segments, fold, reverse
        out = torch.empty_like(x)
        shape = (-1, num_segments, *x.shape[1:])
        source, target = x.view(shape), out.view(shape)  # (B, T, C, H, W)
        first, second, rest = slice(fold), slice(fold, 2 * fold), slice(2 * fold, None)
        later, earlier = (second, first) if reverse else (first, second)
        target[:, :-1, later] = source[:, 1:, later]
        target[:, -1, later] = 0
        target[:, 1:, earlier] = source[:, :-1, earlier]
        target[:, 0, earlier] = 0
        target[:, :, rest] = source[:, :, rest]
        return out

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
        num_segments, fold, reverse = ctx.options
        return _Shift.apply(grad_out, num_segments, fold, not reverse), None, None, None
