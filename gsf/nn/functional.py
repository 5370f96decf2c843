"""GSF, GSM and TSM in plain operations, for compilers and for export.

What the layers compute eagerly writes into buffers in place and has gradients written by hand; a compiler wants the
opposite: operations without side effects that it can differentiate, fuse and express elsewhere (ONNX). The algebra is
that of `fuse.py`: pooling needs sums of x and of y = g x alone, the mean of shifted y is the shifted mean of y, and
everything behind it is one expression of x, which a compiler can write in one pass:

    out[t] = scale * (w[t] g[t+1] x[t+1] + (1 - w[t]) (1 - g[t]) x[t])        (group 0; group 1 takes t-1)

Frames stay in the batch, and the channels come last in memory where they do in the input.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .blocks import is_channels_last
from .fuse import fuse_logits


def gate_shift_fuse(
    x: Tensor,
    gate: Tensor,
    kernel: Tensor | None,
    bias: Tensor | None,
    *,
    channels: int,
    scale: float = 1.0,
    interleave: bool,
) -> Tensor:
    """The body of GSF behind its gate, and of GSM, which has no fuse convolution.

    Args:
        x: `(B*T, C, H, W)`.
        gate: `(B, T, 2, H, W)`, of the same dtype as x.
        kernel, bias: `(2, 2, 3, 3)` and `(2,)`, the fuse convolution of each group, or None: y and r are added.
        channels: channels F that take part, the first ones.
        scale: factor of the fuse weights.
        interleave: whether to mix the halves of each group.

    Returns:
        `(B*T, C, H, W)` in the memory format of x.
    """
    maps = x[:, :channels].view(-1, gate.shape[1], 2, channels // 2, *x.shape[2:])  # (B, T, 2, F/2, H, W)
    moving = maps * gate.unsqueeze(3)
    staying = maps - moving
    shifted = _shift(moving)
    if kernel is None or bias is None:
        out = staying + shifted
    else:
        w = _weights(moving, maps, kernel, bias)[..., None, None].to(x.dtype)  # (B, T, 2, F/2, 1, 1)
        out = staying + w * (shifted - staying)
        if scale != 1:
            out = out * scale
    if interleave:  # channel i * F/4 + j of a group becomes its channel 2j + i
        out = out.view(*out.shape[:3], 2, channels // 4, *x.shape[2:]).transpose(3, 4)
    out = _frames(out, last=is_channels_last(x))
    return out if channels == x.shape[1] else torch.cat((out, x[:, channels:]), 1)


def temporal_shift(x: Tensor, num_segments: int, fold: int) -> Tensor:
    """TSM on `(B*T, C, H, W)`: the first `fold` channels take frame t+1, the next ones frame t-1."""
    maps = x.view(-1, num_segments, *x.shape[1:])  # (B, T, C, H, W)
    later, earlier, rest = torch.split(maps, [fold, fold, x.shape[1] - 2 * fold], 2)
    out = torch.cat([part.flatten(0, 1) for part in (_later(later), _earlier(earlier), rest)], 1)
    # Clips of one frame leave the format of a concatenation open.
    return out.contiguous(memory_format=torch.channels_last) if is_channels_last(x) else out


def _weights(moving: Tensor, maps: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """w, `(B, T, 2, F/2)`, from what moves (not yet shifted) and the features themselves, `(B, T, 2, F/2, H, W)`."""
    wide = torch.float64 if maps.dtype == torch.float64 else torch.float32
    mean_y, mean_x = (value.mean((-2, -1), dtype=wide) for value in (moving, maps))
    return torch.sigmoid(fuse_logits(mean_y, mean_x, kernel, bias))


def _shift(y: Tensor) -> Tensor:
    """Shift `(B, T, 2, ...)` along time: group 0 takes frame t+1, group 1 frame t-1, zeros at the ends.

    A choice between two shifts of everything: a compiler computes it within the loop that needs it, while it gives a
    concatenation of two groups a buffer of its own, and not always the memory format of the maps.
    """
    first = torch.arange(2, device=y.device).view(2, *[1] * (y.dim() - 3)) == 0
    return torch.where(first, _later(y), _earlier(y))


def _later(y: Tensor) -> Tensor:
    """`y[t+1]` of `(B, T, ...)`."""
    return functional.pad(y[:, 1:], [0, 0] * (y.dim() - 2) + [0, 1])


def _earlier(y: Tensor) -> Tensor:
    """`y[t-1]` of `(B, T, ...)`."""
    return functional.pad(y[:, :-1], [0, 0] * (y.dim() - 2) + [1, 0])


def _frames(out: Tensor, *, last: bool) -> Tensor:
    """`(B, T, 2, ..., H, W)` as `(B*T, F, H, W)`, the channels last in memory or not."""
    if last:
        return out.movedim((-2, -1), (2, 3)).flatten(4).flatten(0, 1).movedim(-1, 1)
    return out.flatten(2, -3).flatten(0, 1)
