"""The gate of GSM and GSF: one plane per group of channels that says how much of a feature moves in time.

Sudhakaran, Escalera, Lanz, "Gate-Shift Networks for Video Action Recognition", CVPR 2020, section 3.2;
"Gate-Shift-Fuse for Video Action Recognition", TPAMI 2023, section 3.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Gate(nn.Module):
    """`tanh(conv(relu(bn(x))))` with a 3x3x3 convolution of two groups, channels -> 2 planes, padding 1.

    Frames stay in the batch dimension: a 2D convolution yields three planes for each of the two, one for each step in
    time, and these are added one frame apart. Its weight `(2 planes * 3 steps, channels/2, 3, 3)` holds the values of
    the 3D one. Batch norm over (B, T, H, W) is batch norm over a batch of B*T frames.

    Args:
        channels: channels of the feature map, even.
        num_segments: frames T of a clip.
        zero: start with a zero convolution, so that no feature moves (GSM); else the framework's default (GSF).

    Shape:
        `(B*T, channels, H, W)` to `(B, T, 2, H, W)`, values in (-1, 1).
    """

    def __init__(self, channels: int, num_segments: int, *, zero: bool) -> None:
        super().__init__()
        self.num_segments = num_segments
        self.norm = nn.BatchNorm2d(channels)
        self.weight = nn.Parameter(torch.empty(6, channels // 2, 3, 3))
        self.bias = nn.Parameter(torch.empty(2))
        self.reset_parameters(zero=zero)

    def reset_parameters(self, *, zero: bool) -> None:
        """Zeros, or what `nn.Conv3d` starts with."""
        if zero:
            nn.init.zeros_(self.weight)
            nn.init.zeros_(self.bias)
            return
        bound = 1 / math.sqrt(3 * self.weight[0].numel())  # the fan-in of the 3D convolution, 27 * C/2
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        active = functional.relu(self.norm(x), inplace=True)
        taps = functional.conv2d(active, self.weight, padding=1, groups=2)
        taps = taps.view(-1, self.num_segments, 2, 3, *x.shape[-2:])
        past, present, future = taps.unbind(3)
        # out[t] = past(frame t-1) + present(frame t) + future(frame t+1), frames outside the clip being zero
        past = functional.pad(past[:, :-1], [0] * 6 + [1, 0])
        future = functional.pad(future[:, 1:], [0] * 6 + [0, 1])
        # Under autocast the bias is wider than the planes: come back to the width of the features.
        return torch.tanh(present + past + future + self.bias.view(2, 1, 1)).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{2 * self.weight.shape[1]} -> 2, kernel_size=3x3x3, num_segments={self.num_segments}"


def values_per_channel(x: Tensor) -> int:
    """How many values of a channel `(N, C, H, W)` has; ValueError if they make no statistics of a batch."""
    count = x.shape[0] * x.shape[-2] * x.shape[-1]
    if count < 2:
        raise ValueError(
            f"GSF: input has shape {tuple(x.shape)}, must have more than one value per channel in training; "
            "use larger frames or more of them"
        )
    return count


@torch.no_grad()
def remember(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
    """Bring running statistics up to date as `nn.BatchNorm2d` does: with the unbiased variance of `count` values."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    norm.num_batches_tracked.add_(1)
    share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), share)
    norm.running_var.lerp_((variance * (count / (count - 1))).to(norm.running_var.dtype), share)
