"""Gate-Shift Module (GSM): routes features through time by a learned gate.

Sudhakaran, Escalera, Lanz, "Gate-Shift Networks for Video Action Recognition", CVPR 2020, section 3.2.
"""

from __future__ import annotations

from torch import Tensor, nn

from . import kernels
from ._clips import Start, check_batch, check_segments, check_start, processed_channels
from .blocks import Body
from .body import gate_shift_fuse
from .gate import Gate


class GSM(nn.Module):
    """Shift gated features one frame and add what stayed.

    Starts with a zero gate convolution: no feature moves, and only the interleaving changes the order of channels.
    Without the interleaving the module therefore starts as the identity.

    Args:
        channels: channels C of the feature map.
        num_segments: frames T of a clip.
        ratio: share of the channels that takes part; `channels * ratio` must be a multiple of 4 (published: 1).
        start: "published", or "identity", which turns the interleaving off, so that the module passes its input on
            unchanged until it is trained.
        interleave: mix the halves of each group, as published; always off with start "identity".

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
        *,
        ratio: float = 1.0,
        start: Start = "published",
        interleave: bool = True,
    ) -> None:
        super().__init__()
        check_start("GSM", start)
        self.channels = channels
        self.num_segments = check_segments("GSM", num_segments)
        self.ratio = ratio
        self.processed = processed_channels("GSM", channels, ratio)
        self.start = start
        self.interleave = interleave and start == "published"
        self.gate = Gate(self.processed, num_segments, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        check_batch("GSM", x, self.channels, self.num_segments)
        body = Body(self.num_segments, self.processed, scale=1.0, interleave=self.interleave)
        return gate_shift_fuse(x, self.gate, None, body, layer="GSM", backend=self.backend)

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, num_segments={self.num_segments}, ratio={self.ratio:g}, start={self.start!r}, "
            f"interleave={self.interleave}"
        )
