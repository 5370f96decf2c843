"""Gate-Shift-Fuse (GSF): routes features through time, gated and fused per sample.

Sudhakaran, Escalera, Lanz, "Gate-Shift-Fuse for Video Action Recognition", TPAMI 2023, section 3,
https://arxiv.org/abs/2203.08897.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from ._clips import Start, check_batch, check_segments, check_start, processed_channels, shift, split_channels
from .fuse import gate_shift_fuse
from .gate import Gate
from .groups import join_groups, split_groups

FuseInit = Literal["default", "kaiming"]


class GSF(nn.Module):
    """Shift gated features one frame and fuse them with what stayed.

    Args:
        channels: channels C of the feature map.
        num_segments: frames T of a clip.
        ratio: share of the channels that takes part; `channels * ratio` must be a multiple of 4.
        gate: False lets every feature move: the gate is 1 everywhere (an ablation).
        fuse: False adds what moved and what stayed, as GSM does (an ablation).
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
        gate: bool = True,
        fuse: bool = True,
        interleave: bool = True,
        start: Start = "published",
        fuse_init: FuseInit = "default",
    ) -> None:
        super().__init__()
        check_start("GSF", start)
        if fuse_init not in ("default", "kaiming"):
            raise ValueError(f"GSF: fuse_init is {fuse_init!r}, must be 'default' or 'kaiming'")
        self.channels = channels
        self.num_segments = check_segments("GSF", num_segments)
        self.ratio = ratio
        self.processed = processed_channels("GSF", channels, ratio)
        self.start = start
        self.interleave = interleave and start == "published"
        self.fuse_scale = 1.0 if start == "published" else 2.0
        self.gate = Gate(self.processed, num_segments, zero=start == "identity") if gate else None
        self.fuse = self._fuse_convolution(fuse_init) if fuse else None

    def _fuse_convolution(self, fuse_init: FuseInit) -> nn.Conv2d:
        # Both groups' convolutions (each 2 -> 1 over the channel-time plane) as one of two groups.
        fuse = nn.Conv2d(4, 2, 3, padding=1, groups=2)
        assert fuse.bias is not None
        if self.start == "identity":
            nn.init.zeros_(fuse.weight)
            nn.init.zeros_(fuse.bias)
        elif fuse_init == "kaiming":
            for group in fuse.weight.unsqueeze(1):  # apart: fan-out counts a convolution's own outputs
                nn.init.kaiming_normal_(group, mode="fan_out", nonlinearity="relu")
        return fuse

    def forward(self, x: Tensor) -> Tensor:
        check_batch("GSF", x, self.channels, self.num_segments)
        head, rest = split_channels(x, self.processed)
        if self.gate is None:
            gate = x.new_ones((x.shape[0] // self.num_segments, self.num_segments, 2, *x.shape[2:]))
        else:
            gate = self.gate(head)  # (B, T, 2, H, W)
        if self.fuse is None:
            groups = split_groups(head, self.num_segments)  # (B, T, 2, F/2, H, W)
            moving = groups * gate.unsqueeze(3)
            return join_groups(shift(moving) + (groups - moving), x, interleave=self.interleave)
        assert self.fuse.bias is not None
        return gate_shift_fuse(
            head,
            rest,
            gate,
            self.fuse.weight,
            self.fuse.bias,
            scale=self.fuse_scale,
            interleave=self.interleave,
        )

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, num_segments={self.num_segments}, ratio={self.ratio:g}, start={self.start!r}, "
            f"interleave={self.interleave}"
        )
