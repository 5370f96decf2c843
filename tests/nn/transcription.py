"""The equations of GSF, GSM and TSM, written down one by one: slow, plain, and the oracle of the tests.

Frames are permuted to `(B, C, T, H, W)`; nothing is fused, reused or simplified. Keys are the released ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def shift_back(y: Tensor) -> Tensor:
    """y[t] <- y[t+1] on `(B, C, T, H, W)`, the last frame zero."""
    return torch.cat((y[:, :, 1:], torch.zeros_like(y[:, :, :1])), 2)


def shift_ahead(y: Tensor) -> Tensor:
    """y[t] <- y[t-1] on `(B, C, T, H, W)`, the first frame zero."""
    return torch.cat((torch.zeros_like(y[:, :, :1]), y[:, :, :-1]), 2)


def mix_halves(x: Tensor) -> Tensor:
    """Channel 2j + i of the output is channel i * F/4 + j of the input, on `(B, F/2, T, H, W)`."""
    quarter = x.shape[1] // 2
    order = [i * quarter + j for j in range(quarter) for i in range(2)]
    return x[:, order]


class PlainGSF(nn.Module):
    """GSF (fuse=True) or GSM (fuse=False) as its paper writes it, or without gate: `(B*T, C, H, W)` to the same."""

    def __init__(
        self, channels: int, num_segments: int, ratio: float = 1.0, *, gate: bool = True, fuse: bool = True
    ) -> None:
        super().__init__()
        self.num_segments = num_segments
        self.processed = int(channels * ratio)
        if gate:
            self.bn = nn.BatchNorm3d(self.processed)
            self.conv3D = nn.Conv3d(self.processed, 2, 3, padding=1, groups=2)
        if fuse:
            self.channel_conv1 = nn.Conv2d(2, 1, 3, padding=1)
            self.channel_conv2 = nn.Conv2d(2, 1, 3, padding=1)
        self.gated, self.fused = gate, fuse

    def forward(self, x: Tensor) -> Tensor:
        clips = x.view(-1, self.num_segments, *x.shape[1:]).permute(0, 2, 1, 3, 4)  # (B, C, T, H, W)
        features, rest = clips[:, : self.processed], clips[:, self.processed :]
        gate = torch.ones_like(features[:, :2])  # without gate everything moves
        if self.gated:
            gate = torch.tanh(self.conv3D(torch.relu(self.bn(features))))
        half = self.processed // 2
        first, second = features[:, :half], features[:, half:]
        y1, y2 = gate[:, 0:1] * first, gate[:, 1:2] * second
        r1, r2 = first - y1, second - y2
        y1, y2 = shift_back(y1), shift_ahead(y2)
        if self.fused:
            out1 = self.fuse(y1, r1, self.channel_conv1)
            out2 = self.fuse(y2, r2, self.channel_conv2)
        else:
            out1, out2 = y1 + r1, y2 + r2
        out = torch.cat((mix_halves(out1), mix_halves(out2), rest), 1)
        return out.permute(0, 2, 1, 3, 4).reshape(x.shape)

    def fuse(self, y: Tensor, r: Tensor, conv: nn.Conv2d) -> Tensor:
        pooled = torch.stack((y.mean((3, 4)), r.mean((3, 4))), 1)  # (B, 2, F/2, T)
        w = torch.sigmoid(conv(pooled)).squeeze(1)[..., None, None]  # (B, F/2, T, 1, 1)
        return w * y + (1 - w) * r


def plain_tsm(x: Tensor, num_segments: int, fold_div: int = 8) -> Tensor:
    """TSM on `(B*T, C, H, W)`."""
    clips = x.view(-1, num_segments, *x.shape[1:]).permute(0, 2, 1, 3, 4)
    fold = x.shape[1] // fold_div
    out = torch.cat((shift_back(clips[:, :fold]), shift_ahead(clips[:, fold : 2 * fold]), clips[:, 2 * fold :]), 1)
    return out.permute(0, 2, 1, 3, 4).reshape(x.shape)
