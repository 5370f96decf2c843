"""Gate-Shift-Fuse (GSF): routes features through time, gated and fused per sample.

Sudhakaran, Escalera, Lanz, "Gate-Shift-Fuse for Video Action Recognition", TPAMI 2023, section 3,
https://arxiv.org/abs/2203.08897.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from ._clips import check_batch, check_segments, processed_channels, shift
from .gate import Gate
from .groups import join_groups, split_groups

Start = Literal["published", "identity"]
FuseInit = Literal["default", "kaiming"]


class GSF(nn.Module):
    """Shift gated features one frame and fuse them with what stayed.

    Args:
        channels: channels C of the feature map.
        num_segments: frames T of a clip.
        ratio: share of the channels that takes part; `channels * ratio` must be a multiple of 4.
        start: "published", or "identity": zero gate and fuse convolutions, fuse weights doubled and no
            interleaving, so that the module passes its input on unchanged until it is trained. Not published.
        interleave: mix the halves of each group, as published; always off with start "identity".
        fuse_init: how the fuse convolutions start: "default" of the framework (as published for the Inception
            networks) or "kaiming" normal by fan-out (for the ResNets).

    Shape:
        `(B*T, C, H, W)` to the same; the T frames of a clip are contiguous.

    Raises:
        ValueError: channels and ratio that do not divide, an unknown choice, or an input of another shape.
    """

    def __init__(
        self,
        channels: int,
        num_segments: int,
        ratio: float = 1.0,
        *,
        start: Start = "published",
        interleave: bool = True,
        fuse_init: FuseInit = "default",
    ) -> None:
        super().__init__()
        if start not in ("published", "identity"):
            raise ValueError(f"GSF: start is {start!r}, must be 'published' or 'identity'")
        if fuse_init not in ("default", "kaiming"):
            raise ValueError(f"GSF: fuse_init is {fuse_init!r}, must be 'default' or 'kaiming'")
        self.channels = channels
        self.num_segments = check_segments("GSF", num_segments)
        self.ratio = ratio
        self.processed = processed_channels("GSF", channels, ratio)
        self.start = start
        self.interleave = interleave and start == "published"
        self.fuse_scale = 1.0 if start == "published" else 2.0
        self.gate = Gate(self.processed, num_segments, zero=start == "identity")
        # Both groups' convolutions (each 2 -> 1 over the channel-time plane) as one of two groups.
        self.fuse = nn.Conv2d(4, 2, 3, padding=1, groups=2)
        assert self.fuse.bias is not None
        if start == "identity":
            nn.init.zeros_(self.fuse.weight)
            nn.init.zeros_(self.fuse.bias)
        elif fuse_init == "kaiming":
            for group in self.fuse.weight.unsqueeze(1):  # apart: fan-out counts a convolution's own outputs
                nn.init.kaiming_normal_(group, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        check_batch("GSF", x, self.channels, self.num_segments)
        features = x[:, : self.processed]
        gate = self.gate(features)  # (B, T, 2, H, W)
        groups = split_groups(features, self.num_segments)  # (B, T, 2, F/2, H, W)
        gate = gate.unsqueeze(3)
        # The doubling of start "identity" is done here, on one plane instead of F/2 of them.
        moving = groups * (gate * self.fuse_scale)
        staying = groups * ((1 - gate) * self.fuse_scale)
        weight = self._fuse_weight(groups, moving)
        out = torch.lerp(staying, shift(moving), weight.to(staying.dtype))  # w * y + (1 - w) * r
        return join_groups(out, x, interleave=self.interleave)

    def _fuse_weight(self, groups: Tensor, moving: Tensor) -> Tensor:
        """w in (0, 1), `(B, T, 2, F/2, 1, 1)`, from the spatial means of shifted y and of r (section 3.3)."""
        mean_y = moving.mean((-2, -1)) / self.fuse_scale  # (B, T, 2, F/2)
        mean_r = groups.mean((-2, -1)) - mean_y  # r = x - y
        pooled = torch.stack((shift(mean_y), mean_r), 3)  # (B, T, 2 groups, 2, F/2)
        plane = pooled.permute(0, 2, 3, 4, 1).flatten(1, 2)  # (B, 4, F/2, T)
        weight = torch.sigmoid(self.fuse(plane))  # (B, 2, F/2, T)
        return weight.permute(0, 3, 1, 2)[..., None, None]

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, num_segments={self.num_segments}, ratio={self.ratio:g}, start={self.start!r}, "
            f"interleave={self.interleave}"
        )
