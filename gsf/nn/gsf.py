"""Gate-Shift-Fuse (GSF): routes features through time, gated and fused per sample.

Sudhakaran, Escalera, Lanz, "Gate-Shift-Fuse for Video Action Recognition", TPAMI 2023, section 3,
https://arxiv.org/abs/2203.08897.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from . import kernels
from ._clips import Start, check_batch, check_segments, check_start, processed_channels
from .blocks import Body
from .body import gate_shift_fuse
from .gate import Gate

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

    backend: kernels.Backend = kernels.backend.DEFAULT  # see kernels.set_backend

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
        if start == "identity" and not gate:
            raise ValueError("GSF: start is 'identity' without gate, must be 'published': then every feature moves")
        self.channels = channels
        self.num_segments = check_segments("GSF", num_segments)
        self.ratio = ratio
        self.processed = processed_channels("GSF", channels, ratio)
        self.start = start
        self.interleave = interleave and start == "published"
        self.fuse_scale = 1.0 if start == "published" else 2.0
        self.gate = Gate(self.processed, num_segments, zero=start == "identity") if gate else None
        self.fuse = self._fuse_convolutions(fuse_init) if fuse else None

    def _fuse_convolutions(self, fuse_init: FuseInit) -> nn.Conv2d:
        """Both groups' convolutions (each 2 -> 1 over the channel-time plane) as one of two groups."""
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
        body = Body(self.num_segments, self.processed, scale=self.fuse_scale, interleave=self.interleave)
        return gate_shift_fuse(x, self.gate, self.fuse, body, layer="GSF", backend=self.backend)

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, num_segments={self.num_segments}, ratio={self.ratio:g}, gate={self.gate is not None}, "
            f"fuse={self.fuse is not None}, start={self.start!r}, interleave={self.interleave}"
        )
