"""GSF, GSM and TSM that look only backwards in time, for clips and for streams of single frames.

Not published: the modules of Sudhakaran et al. (TPAMI 2023, section 3) look one frame ahead in three places. Here

    gate      out[t] = tap0(frame t-2) + tap1(frame t-1) + tap2(frame t)   in place of frames t-1, t, t+1
    shift     both groups take frame t-1                                   in place of t+1 and t-1
    fuse      the 3x3 convolution over the (channel, time) plane sees frames t-2, t-1, t

and TSM shifts one part of the channels from frame t-1, none from t+1 (Lin et al., ICCV 2019: "online"). The parameters
are those of the modules that they replace. What a frame needs of the past is a fixed state, so that a stream computes
each frame once (`gsf.nn.streaming`) and gets what the clip as a whole gets, up to the rounding of sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._clips import check_batch, full_precision
from .blocks import is_channels_last
from .gate import Gate
from .gsf import GSF
from .gsm import GSM
from .tsm import TSM

MEMORY = 2  # frames before the present one that a kernel of three sees


@dataclass(frozen=True)
class Past:
    """What the next frame needs of the frames before it, of B clips; None where the module lacks the part.

    Attributes:
        taps: products of the gate's convolution of the last two frames, `(B, 2, 2 groups, 3 steps, H, W)`.
        moving: what moved out of the last frame, `(B, 1, channels, H, W)`.
        means: spatial means that the fuse convolution sees, of the last two frames, `(B, 2, 2 groups, 2, F/2)`.
    """

    taps: Tensor | None
    moving: Tensor
    means: Tensor | None


class CausalGSF(GSF):
    """`GSF` that looks only backwards; arguments, parameters and errors are the same.

    Shape:
        `(B*T, C, H, W)` to the same; with `past` set, `(B, C, H, W)`: the next frame of each of B streams.
    """

    past: Past | None = None  # of a stream, kept from frame to frame
    streaming: bool = False

    def forward(self, x: Tensor) -> Tensor:
        time = _frames(self, "CausalGSF", x)
        out, past = _gate_shift_fuse(
            x, time, self.gate, self.fuse, self.past, self.processed, self.fuse_scale, interleave=self.interleave
        )
        self.past = past if self.streaming else None
        return out


class CausalGSM(GSM):
    """`GSM` that looks only backwards; see `CausalGSF`."""

    past: Past | None = None
    streaming: bool = False

    def forward(self, x: Tensor) -> Tensor:
        time = _frames(self, "CausalGSM", x)
        out, past = _gate_shift_fuse(
            x, time, self.gate, None, self.past, self.processed, 1.0, interleave=self.interleave
        )
        self.past = past if self.streaming else None
        return out


class CausalTSM(TSM):
    """`TSM` that shifts one part in `fold_div` of the channels from frame t-1, and none from t+1."""

    past: Past | None = None
    streaming: bool = False

    def forward(self, x: Tensor) -> Tensor:
        time = _frames(self, "CausalTSM", x)
        maps = x.view(-1, time, *x.shape[1:])
        moving, rest = torch.split(maps, [self.fold, self.channels - self.fold], 2)
        shifted = _earlier(moving, None if self.past is None else self.past.moving)
        self.past = Past(None, moving[:, -1:], None) if self.streaming else None
        return _as_given(torch.cat((shifted, rest), 2).flatten(0, 1), x)


Causal = CausalGSF | CausalGSM | CausalTSM


def _frames(module: Causal, layer: str, x: Tensor) -> int:
    """Frames of each clip in x: one in a stream."""
    time = 1 if module.streaming else module.num_segments
    check_batch(layer, x, module.channels, time)
    return time


def _gate_shift_fuse(
    x: Tensor,
    time: int,
    gate: Gate | None,
    fuse: nn.Conv2d | None,
    past: Past | None,
    processed: int,
    scale: float,
    *,
    interleave: bool,
) -> tuple[Tensor, Past]:
    """The module on `(B*T, C, H, W)`, after `past`, and what the frame after it needs."""
    part = x[:, :processed]
    maps = part.view(-1, time, 2, processed // 2, *x.shape[2:])  # (B, T, 2, F/2, H, W)
    plane, taps = (None, None) if gate is None else _gate(gate, part, time, None if past is None else past.taps)
    moving = maps if plane is None else maps * plane.unsqueeze(3)
    staying = maps - moving
    before = None if past is None else past.moving.view(-1, 1, *maps.shape[2:])
    shifted = _earlier(moving, before)
    means = None
    if fuse is None:
        out = staying + shifted
    else:
        logits, means = _fuse_logits(fuse, shifted, staying, None if past is None else past.means)
        w = torch.sigmoid(logits)[..., None, None].to(x.dtype)
        out = staying + w * (shifted - staying)
        if scale != 1:
            out = out * scale
    if interleave:  # channel i * F/4 + j of a group becomes its channel 2j + i
        out = out.unflatten(3, (2, processed // 4)).transpose(3, 4)  # type: ignore[no-untyped-call]
    out = out.flatten(2, -3).flatten(0, 1)
    out = out if processed == x.shape[1] else torch.cat((out, x[:, processed:]), 1)
    return _as_given(out, x), Past(taps, moving[:, -1:].flatten(2, 3), means)


def _gate(gate: Gate, x: Tensor, time: int, past: Tensor | None) -> tuple[Tensor, Tensor]:
    """The gate's planes `(B, T, 2, H, W)`, and the products of the last two frames."""
    active = functional.relu(gate.norm(x), inplace=True)
    taps = functional.conv2d(active, gate.weight, padding=1, groups=2)
    taps = taps.view(-1, time, 2, 3, *x.shape[-2:])
    taps = torch.cat((_zeros(taps, MEMORY) if past is None else past, taps), 1)  # (B, 2 + T, 2, 3, H, W)
    first, second, third = taps.unbind(3)
    total = first[:, :time] + second[:, 1 : 1 + time] + third[:, MEMORY:]
    return torch.tanh(total + gate.bias.view(2, 1, 1)).to(x.dtype), taps[:, -MEMORY:]


def _fuse_logits(fuse: nn.Conv2d, shifted: Tensor, staying: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
    """Logits of the fuse weights `(B, T, 2, F/2)`, and the means of the last two frames."""
    assert fuse.bias is not None
    wide = torch.promote_types(shifted.dtype, torch.float32)
    means = torch.stack([part.mean((-2, -1), dtype=wide) for part in (shifted, staying)], 3)  # (B, T, 2, 2, F/2)
    means = torch.cat((_zeros(means, MEMORY) if past is None else past, means), 1)
    plane = means.permute(0, 2, 3, 4, 1).flatten(1, 2)  # (B, 4, F/2, 2 + T)
    with full_precision(plane):  # a few values
        weight, bias = fuse.weight.to(plane.dtype), fuse.bias.to(plane.dtype)
        logits = functional.conv2d(plane, weight, bias, padding=(1, 0), groups=2)
    return logits.permute(0, 3, 1, 2), means[:, -MEMORY:]


def _earlier(y: Tensor, before: Tensor | None) -> Tensor:
    """`y[t-1]` of `(B, T, ...)`; `before` is what precedes the first frame, else zeros."""
    return torch.cat((_zeros(y, 1) if before is None else before, y[:, :-1]), 1)


def _zeros(like: Tensor, frames: int) -> Tensor:
    return like.new_zeros((like.shape[0], frames, *like.shape[2:]))


def _as_given(out: Tensor, x: Tensor) -> Tensor:
    """In the memory format of x."""
    return out.contiguous(memory_format=torch.channels_last) if is_channels_last(x) else out.contiguous()
