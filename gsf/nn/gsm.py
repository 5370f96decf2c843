"""Gate-Shift Module (GSM): routes features through time by a learned gate.

Sudhakaran, Escalera, Lanz, "Gate-Shift Networks for Video Action Recognition", CVPR 2020, section 3.2.
"""

from __future__ import annotations

from torch import Tensor, nn

from . import kernels
from ._clips import Start, check_batch, check_segments, check_start, processed_channels, shift
from .gate import Gate
from .groups import join_groups, split_groups


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
        if kernels.chosen("GSM", self.backend, x, self.gate.norm):
            return kernels.run(
                x,
                self.gate,
                None,
                num_segments=self.num_segments,
                processed=self.processed,
                interleave=self.interleave,
            )
        features = x[:, : self.processed]
        gate = self.gate(features).unsqueeze(3)  # (B, T, 2, 1, H, W)
        groups = split_groups(features, self.num_segments)  # (B, T, 2, F/2, H, W)
        moving = groups * gate
        out = (groups - moving) + shift(moving)
        return join_groups(out, x, interleave=self.interleave)

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, num_segments={self.num_segments}, ratio={self.ratio:g}, start={self.start!r}, "
            f"interleave={self.interleave}"
        )
