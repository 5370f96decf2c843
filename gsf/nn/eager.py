"""The body of GSM and GSF on any device, a few frames at a time, with a backward pass written by hand.

Sudhakaran, Escalera, Lanz, "Gate-Shift-Fuse for Video Action Recognition", TPAMI 2023, section 3. In one group, with
input x, gate g (a plane), fuse weight w (a vector of channels), and a shift that takes frame t+1 (group 0; t-1 in
group 1):

    y = g x     r = x - y     GSF: out[t] = scale * (w[t] y[t+1] + (1 - w[t]) r[t])     GSM: out[t] = y[t+1] + r[t]

What costs time here is memory, not arithmetic. So x is read a block of frames at a time, and what is computed on the
way (normalised features, y, r, gradients of them) lives in the processor's cache and nowhere else:

1. statistics of the batch norm (training);
2. the gate: the 3x3x3 convolution as one small matrix product a block, 27 rows a plane, whose rows are then added one
   pixel and one frame apart;
3. the means of x and y, from which the fuse weights follow: mean(r) = mean(x) - mean(y), and the mean of shifted y is
   the shifted mean of y;
4. the output, with shift, fuse and interleaving in one pass.

x alone is kept for the backward pass (`eager_grad.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ._clips import unflatten
from .blocks import BOTH, FIRST, SECOND, Block, Body, Scratch, blocks, frames, halves, wide
from .fuse import fuse_logits


@dataclass(frozen=True)
class Norm:
    """The batch norm as the gate saw it, `(F,)` each: `relu(scale * x + shift)`."""

    mean: Tensor
    inverse_std: Tensor
    gamma: Tensor
    beta: Tensor
    of_batch: bool  # mean and variance are those of x, not constants

    @property
    def scale(self) -> Tensor:
        return self.gamma * self.inverse_std

    @property
    def shift(self) -> Tensor:
        return self.beta - self.mean * self.scale


def statistics(x: Tensor, body: Body) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of the first F channels over frames and pixels, `(F,)` each.

    From sums over single frames, whose squares are centred before they are added, so that nothing cancels.
    """
    features, scratch, means, squares = frames(x, body), Scratch(x, body), [], []
    for block in blocks(x, body):
        part = block.of(features)
        mean = part.mean(-1, dtype=wide(x))  # (b, t, F)
        deviation = torch.sub(part, mean.to(x.dtype).unsqueeze(-1), out=scratch.like(part, 0))
        means.append(mean.flatten(0, 1))
        squares.append(deviation.square_().sum(-1, dtype=wide(x)).flatten(0, 1))
    of_frames = torch.cat(means)
    mean = of_frames.mean(0)
    within = torch.cat(squares).mean(0) / features.shape[-1]
    return mean, within + (of_frames - mean).square().mean(0)


def activated(x: Tensor, norm: Norm, out: Tensor) -> Tensor:
    """`relu(norm(x))` of frames `(b, t, F, P)`, written to `out`, as `(b*t, F, P)`."""
    torch.mul(x, norm.scale.to(x.dtype)[:, None], out=out)
    return out.add_(norm.shift.to(x.dtype)[:, None]).clamp_min_(0).flatten(0, 1)


def tap_matrices(weight: Tensor) -> Tensor:
    """The gate's weight `(2 planes * 3 steps, F/2, 3, 3)` as `(2, 27, F/2)`: a row for each step and pixel offset."""
    half = weight.shape[1]
    return weight.view(2, 3, half, 9).flip(-1).transpose(2, 3).reshape(2, 27, half)


def gate_planes(x: Tensor, norm: Norm, weight: Tensor, bias: Tensor, body: Body) -> Tensor:
    """`tanh(conv(relu(norm(x))))`, the gates `(B, T, 2, P)`."""
    features, matrices, half = frames(x, body), tap_matrices(weight.to(x.dtype)), body.processed // 2
    scratch, rows = Scratch(x, body), []
    for block in blocks(x, body):
        part = block.of(features)
        active = activated(part, norm, scratch.like(part, 0))
        both = (active[:, :half], active[:, half:])
        rows.append(
            torch.cat([_times(matrix, half_of_them) for matrix, half_of_them in zip(matrices, both, strict=True)], 1)
        )
    # What a pixel contributes to its neighbours is added there: (B*T, 2*27, P) -> (B*T, 2*3, H, W).
    taps = functional.fold(torch.cat(rows).to(wide(x)), (x.shape[-2], x.shape[-1]), 3, padding=1)
    past, present, future = unflatten(unflatten(taps.flatten(2), 1, (2, 3)), 0, (-1, body.time)).unbind(3)
    total = present + bias[:, None]
    total[:, 1:] += past[:, :-1]  # zero outside the clip
    total[:, :-1] += future[:, 1:]
    return total.tanh_().to(x.dtype)


def _times(matrix: Tensor, features: Tensor) -> Tensor:
    return torch.bmm(matrix.expand(features.shape[0], -1, -1), features)


def pooled(x: Tensor, plane: Tensor, body: Body) -> tuple[Tensor, Tensor]:
    """Spatial means of y and of x, `(B, T, 2, F/2)` each."""
    features, scratch = frames(x, body), Scratch(x, body)
    shape = (*plane.shape[:3], body.processed // 2)
    of_y, of_x = (torch.empty(shape, dtype=wide(x), device=x.device) for _ in range(2))
    for block in blocks(x, body):
        part, gate = unflatten(block.of(features), 2, (2, -1)), block.of(plane)
        block.of(of_x).copy_(part.sum(-1, dtype=wide(x)))
        for group in (FIRST, SECOND):
            block.of(of_y)[:, :, group] = over_pixels(part[:, :, group], gate[:, :, group], scratch)
    return of_y / features.shape[-1], of_x / features.shape[-1]


def over_pixels(x: Tensor, plane: Tensor, scratch: Scratch) -> Tensor:
    """Sums over pixels of `(b, t, 1, F/2, P)` times `(b, t, 1, P)`: `(b, t, 1, F/2)`."""
    if x.shape[:2] == (1, 1):
        return torch.mv(x[0, 0, 0], plane[0, 0, 0]).view(1, 1, 1, -1).to(wide(x))
    return torch.mul(x, plane.unsqueeze(3), out=scratch.like(x, 1)).sum(-1, dtype=wide(x))


def over_channels(x: Tensor, weight: Tensor | None, scratch: Scratch) -> Tensor:
    """Sums over channels of `(b, t, 1, F/2, P)` times `(b, t, 1, F/2)` (None: 1): `(b, t, 1, P)`."""
    if weight is None:
        return x.sum(3, dtype=wide(x))
    weight = weight.to(x.dtype)
    if x.shape[:2] == (1, 1):
        return torch.mv(x[0, 0, 0].t(), weight[0, 0, 0]).view(1, 1, 1, -1).to(wide(x))
    return torch.mul(x, weight.unsqueeze(4), out=scratch.like(x, 1)).sum(3, dtype=wide(x))


def fuse_weights(logits: Tensor, body: Body) -> tuple[Tensor, Tensor]:
    """What moves and what stays, `scale * w` and `scale * (1 - w)`, from logits; all `(B, T, 2, F/2)`."""
    w = torch.sigmoid(logits)
    return body.scale * w, body.scale * (1 - w)


def scaled(x: Tensor, plane: Tensor, weight: Tensor | None, out: Tensor, scratch: Scratch) -> Tensor:
    """`(b, t, G, 2, F/4, P)` times a plane `(b, t, G, P)` and a weight of channels `(b, t, G, F/2)`; G groups.

    The one that lies across the vectors of the memory format is a number to each of them, and comes first.
    """
    first, second = _across(plane, weight, channels_last=scratch.channels_last)
    torch.mul(x, first, out=out)
    return out if second is None else out.mul_(second)


def add_scaled(target: Tensor, x: Tensor, plane: Tensor, weight: Tensor | None, scratch: Scratch) -> None:
    """Add what `scaled` gives to target; uses the second piece of memory."""
    first, second = _across(plane, weight, channels_last=scratch.channels_last)
    product = torch.mul(x, first, out=scratch.like(x, 1))
    if second is None:
        target.add_(product)
    else:
        target.addcmul_(product, second)


def _across(plane: Tensor, weight: Tensor | None, *, channels_last: bool) -> tuple[Tensor, Tensor | None]:
    planes = plane[:, :, :, None, None]
    if weight is None:
        return planes, None
    weights = unflatten(weight.to(plane.dtype), 3, (2, -1)).unsqueeze(-1)
    return (planes, weights) if channels_last else (weights, planes)


def part_of(weight: Tensor | None, block: Block, group: slice) -> Tensor | None:
    """A block and some groups of `(B, T, 2, F/2)`: `(b, t, G, F/2)`."""
    return None if weight is None else block.of(weight)[:, :, group]


def forward(
    x: Tensor,
    norm: Norm | None,
    weight: Tensor | None,
    bias: Tensor | None,
    kernel: Tensor | None,
    fuse_bias: Tensor | None,
    body: Body,
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """The output, the gates, and the means of y and x where there is a fuse convolution."""
    if norm is None or weight is None or bias is None:
        plane = x.new_ones((x.shape[0] // body.time, body.time, 2, x.shape[-2] * x.shape[-1]))
    else:
        plane = gate_planes(x, norm, weight, bias, body)
    mean_y = mean_x = moving = staying = None
    if kernel is not None and fuse_bias is not None:
        mean_y, mean_x = pooled(x, plane, body)
        moving, staying = fuse_weights(fuse_logits(mean_y, mean_x, kernel, fuse_bias), body)
    return _output(x, plane, moving, staying, body), plane, mean_y, mean_x


def _output(x: Tensor, plane: Tensor, moving: Tensor | None, staying: Tensor | None, body: Body) -> Tensor:
    """What stays, plus what comes from the frame beside, interleaved; and the channels that take no part."""
    scratch, whole = Scratch(x, body), torch.empty_like(x)
    # Where channels lie beside each other, interleaving while computing would break every vector of them.
    aside = body.interleave and scratch.channels_last
    source, target = halves(frames(x, body)), halves(frames(whole, body), interleaved=body.interleave)
    for block in blocks(x, body):
        part, goal = block.of(source), block.of(target)
        out = scratch.like(part, 0) if aside else goal
        scaled(part, 1 - block.of(plane), part_of(staying, block, BOTH), out, scratch)
        for group in (FIRST, SECOND):
            to, come = block.shifted(group)
            moved, gate, moves = come.of(source)[:, :, group], come.of(plane)[:, :, group], part_of(moving, to, group)
            add_scaled(out[:, to.within(block), group], moved, gate, moves, scratch)
        if aside:
            goal.copy_(out)
    whole[:, body.processed :] = x[:, body.processed :]
    return whole
