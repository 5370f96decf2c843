"""Temporal Shift Module (TSM): moves a fixed share of the channels one frame.

Lin, Gan, Han, "TSM: Temporal Shift Module for Efficient Video Understanding", ICCV 2019, section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

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
        clips = x.view(-1, self.num_segments, *x.shape[1:])  # (B, T, C, H, W)
        later, earlier, still = torch.split(clips, [self.fold, self.fold, self.channels - 2 * self.fold], 2)
        later = functional.pad(later[:, 1:], [0] * 6 + [0, 1])
        earlier = functional.pad(earlier[:, :-1], [0] * 6 + [1, 0])
        parts = [part.flatten(0, 1) for part in (later, earlier, still)]
        return torch.cat(parts, 1)

    def extra_repr(self) -> str:
        return f"{self.channels}, num_segments={self.num_segments}, fold_div={self.fold_div}"
