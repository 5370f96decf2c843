"""The gradient of `eager.forward`, written by hand, a few frames at a time.

With the terms of `eager.py`, in one group, v the gradient of the output, m = scale * w of the frame that y moved to,
and s = scale * (1 - w):

    of y = m v[t-1] + a      of r = s v[t]      of x = g (of y) + (1 - g) (of r) + b + (what comes through the gate)

a and b come through the pooled means of y and of x. Three readings of x and v give, one after the other: sums over
pixels and channels, from which the gradients of fuse weights and gate follow; the gradient of what the norm gave, with
its sums; the gradient of x.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ._clips import unflatten
from .blocks import BOTH, FIRST, SECOND, Body, Scratch, blocks, frames, halves, is_channels_last, wide
from .eager import Norm, activated, add_scaled, fuse_weights, over_channels, over_pixels, part_of, scaled, tap_matrices
from .fuse import fuse_logits


@dataclass(frozen=True)
class GateGradients:
    """Of the gate's norm and convolution."""

    gamma: Tensor
    beta: Tensor
    weight: Tensor
    bias: Tensor


@dataclass(frozen=True)
class Gradients:
    """Of everything that has one."""

    x: Tensor
    gate: GateGradients | None
    kernel: Tensor | None
    fuse_bias: Tensor | None


@dataclass(frozen=True)
class Back:
    """The gradient of the output, and what it is multiplied by on its way back."""

    grad: Tensor  # `(B, T, 2, 2, F/4, P)`, channels in the order of x
    moving: Tensor | None  # `(B, T, 2, F/2)`, at the frame that receives; None: 1
    staying: Tensor | None


@dataclass(frozen=True)
class Line:
    """The backward pass of a batch norm, `p z + q x + c` with `(F,)` each; q and c are None where it uses constants."""

    p: Tensor
    q: Tensor | None
    c: Tensor | None

    def apply(self, z: Tensor, x: Tensor) -> None:
        """z becomes the gradient of x, both `(b, t, F, P)`."""
        z.mul_(self.p.to(z.dtype)[:, None])
        if self.q is not None and self.c is not None:
            z.addcmul_(x, self.q.to(z.dtype)[:, None]).add_(self.c.to(z.dtype)[:, None])


def backward(
    grad_out: Tensor,
    x: Tensor,
    norm: Norm | None,
    weight: Tensor | None,
    plane: Tensor,
    fuse: tuple[Tensor, Tensor, Tensor, Tensor] | None,
    body: Body,
) -> Gradients:
    """Gradients of x and of every weight.

    Args:
        grad_out: `(B*T, C, H, W)`.
        x: the input of the forward pass.
        norm, weight: of the gate; None where there is none.
        plane: the gates, `(B, T, 2, P)`.
        fuse: means of y and x `(B, T, 2, F/2)`, kernel and bias of the fuse convolution; None where there is none.
    """
    moving = staying = logits = of_means = of_kernel = of_fuse_bias = None
    small: list[Tensor] = []
    if fuse is not None:
        small = [value.detach().requires_grad_() for value in fuse]
        with torch.enable_grad():
            logits = fuse_logits(*small)
        moving, staying = fuse_weights(logits.detach(), body)
    back = Back(_in_order(grad_out, x, body), moving, staying)
    of_plane, from_y, from_r = _sums(x, back, plane, body)
    if logits is not None:
        w = torch.sigmoid(logits.detach())
        # d out / d logit = scale w (1 - w) (shifted y - r): both terms follow from the sums.
        of_logits = (body.scale * w * (1 - w)) * (from_y - from_r)
        of_mean_y, of_mean_x, of_kernel, of_fuse_bias = torch.autograd.grad(logits, small, of_logits)
        of_means = (of_mean_y / plane.shape[-1], of_mean_x / plane.shape[-1])
    of_x, gate, line = torch.empty_like(x), None, None
    if norm is not None and weight is not None:
        if of_means is not None:
            _add_pooling(of_plane, x, of_means[0], body)
        gate, line = _through_gate(of_x, x, norm, weight, plane, of_plane, body)
    _finish(of_x, x, back, plane, of_means, line, body)
    of_x[:, body.processed :] = grad_out[:, body.processed :]
    return Gradients(of_x, gate, of_kernel, of_fuse_bias)


def _in_order(grad_out: Tensor, x: Tensor, body: Body) -> Tensor:
    """The gradient of the output in the memory format of x, `(B, T, 2, 2, F/4, P)`, its channels not interleaved."""
    last = is_channels_last(x)
    grad_out = grad_out.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    grad = halves(frames(grad_out, body), interleaved=body.interleave)
    if last and body.interleave:  # put in order once, not at every reading
        grad = grad.permute(0, 1, 5, 2, 3, 4).contiguous().permute(0, 1, 3, 4, 5, 2)
    return grad


def _sums(x: Tensor, back: Back, plane: Tensor, body: Body) -> tuple[Tensor, Tensor, Tensor]:
    """What follows from sums of v x: over channels, and over pixels.

    Returns:
        The gradient of the gates `(B, T, 2, P)` but for pooling; the sums over pixels of `v shifted-y` and of `v r`,
        `(B, T, 2, F/2)` each, the former at the frame that y moved to.
    """
    source, scratch = halves(frames(x, body)), Scratch(x, body)
    of_plane = torch.zeros_like(plane, dtype=wide(x))
    from_y, from_r = of_plane.new_zeros((2, *plane.shape[:3], body.processed // 2))
    for block in blocks(x, body):
        part = block.of(source)
        # v x of the same frame, (b, t, 2, F/2, P)
        same = torch.mul(part, block.of(back.grad), out=scratch.like(part, 0)).flatten(3, 4)
        for group in (FIRST, SECOND):
            product = same[:, :, group]
            block.of(from_r)[:, :, group] = over_pixels(product, 1 - block.of(plane)[:, :, group], scratch)
            block.of(of_plane)[:, :, group] -= over_channels(product, part_of(back.staying, block, group), scratch)
        for group in (FIRST, SECOND):
            here, there = block.shifted(_back(group))  # frames that moved, and where to
            part, grad = here.of(source)[:, :, group], there.of(back.grad)[:, :, group]
            product = torch.mul(part, grad, out=scratch.like(part, 0)).flatten(3, 4)
            there.of(from_y)[:, :, group] = over_pixels(product, here.of(plane)[:, :, group], scratch)
            here.of(of_plane)[:, :, group] += over_channels(product, part_of(back.moving, there, group), scratch)
    return of_plane, from_y, from_r


def _back(group: slice) -> slice:
    """The group that moves the other way."""
    return SECOND if group == FIRST else FIRST


def _add_pooling(of_plane: Tensor, x: Tensor, of_mean_y: Tensor, body: Body) -> None:
    """Gradient of the gates through the means of y, added in place."""
    features, scratch = unflatten(frames(x, body), 2, (2, -1)), Scratch(x, body)
    for block in blocks(x, body):
        for group in (FIRST, SECOND):
            part = block.of(features)[:, :, group]
            block.of(of_plane)[:, :, group] += over_channels(part, block.of(of_mean_y)[:, :, group], scratch)


def _through_gate(
    of_x: Tensor, x: Tensor, norm: Norm, weight: Tensor, plane: Tensor, of_plane: Tensor, body: Body
) -> tuple[GateGradients, Line]:
    """Gradients of the gate's weights; of_x becomes the gradient z of what the norm gave.

    Returns:
        The gradients, and the line that makes z and x the gradient of x through the gate.
    """
    half, scratch = body.processed // 2, Scratch(x, body)
    before = of_plane * (1 - plane.to(of_plane.dtype).square())  # of what tanh was given, (B, T, 2, P)
    rows = _rows(before, x.shape[-2:]).to(x.dtype)  # (B, T, 2, 27, P)
    matrices = tap_matrices(weight.to(x.dtype))
    features, target = frames(x, body), frames(of_x, body)
    of_matrices = torch.zeros(matrices.shape, dtype=wide(x), device=x.device)
    of_beta, of_gamma = of_plane.new_zeros((2, body.processed))
    for block in blocks(x, body):
        part, z, row = block.of(features), block.of(target), block.of(rows).flatten(0, 1)
        active = activated(part, norm, scratch.like(part, 0))
        for group, channels in enumerate((slice(0, half), slice(half, None))):
            of_matrices[group] += torch.bmm(row[:, group], active[:, channels].transpose(1, 2)).sum(0)
            back = _times(matrices[group], row[:, group], channels_last=scratch.channels_last)
            z[:, :, channels] = back.view(z[:, :, channels].shape)
        torch.ops.aten.threshold_backward.grad_input(z, active.view(z.shape), 0, grad_input=z)
        of_beta += z.sum((0, 1, 3), dtype=wide(x))
        centred = torch.sub(part, norm.mean.to(x.dtype)[:, None], out=scratch.like(part, 1))
        of_gamma += centred.mul_(z).sum((0, 1, 3), dtype=wide(x))
    of_gamma *= norm.inverse_std
    of_weight = of_matrices.view(2, 3, 9, half).flip(2).transpose(2, 3).reshape(weight.shape)
    gradients = GateGradients(of_gamma, of_beta, of_weight, before.sum((0, 1, 3)))
    if not norm.of_batch:
        return gradients, Line(norm.scale, None, None)
    count = x.shape[0] * x.shape[-2] * x.shape[-1]
    slope = -norm.scale * of_gamma * norm.inverse_std / count
    return gradients, Line(norm.scale, slope, -norm.scale * of_beta / count - slope * norm.mean)


def _times(matrix: Tensor, rows: Tensor, *, channels_last: bool) -> Tensor:
    """`(27, F/2)` and `(n, 27, P)` to `(n, F/2, P)` in the memory format."""
    if channels_last:
        return torch.bmm(rows.transpose(1, 2), matrix.expand(rows.shape[0], -1, -1)).transpose(1, 2)
    return torch.bmm(matrix.t().expand(rows.shape[0], -1, -1), rows)


def _rows(before: Tensor, size: torch.Size) -> Tensor:
    """Gradient `(B, T, 2, P)` of the sums of taps as that of the rows they were added up from, `(B, T, 2, 27, P)`."""
    steps = before.new_zeros((*before.shape[:3], 3, before.shape[3]))
    steps[:, :-1, :, 0] = before[:, 1:]  # this frame was the past of the next
    steps[:, :, :, 1] = before
    steps[:, 1:, :, 2] = before[:, :-1]
    planes = unflatten(steps.flatten(2, 3).flatten(0, 1), 2, size)  # (B*T, 2*3, H, W)
    rows = functional.unfold(planes, 3, padding=1)  # (B*T, 2*27, P)
    return unflatten(unflatten(rows, 1, (2, 27)), 0, before.shape[:2])


def _finish(
    of_x: Tensor,
    x: Tensor,
    back: Back,
    plane: Tensor,
    of_means: tuple[Tensor, Tensor] | None,
    line: Line | None,
    body: Body,
) -> None:
    """of_x, the gradient z of what the norm gave, becomes the gradient of x."""
    scratch = Scratch(x, body)
    features, target = frames(x, body), frames(of_x, body)
    for block in blocks(x, body):
        of = block.of(target)
        if line is None:
            of.zero_()
        else:
            line.apply(of, block.of(features))
        if of_means is not None:
            of.add_(block.of(of_means[1]).to(x.dtype).flatten(2).unsqueeze(-1))
        goal, gate = halves(of), block.of(plane)
        add_scaled(goal, block.of(back.grad), 1 - gate, part_of(back.staying, block, BOTH), scratch)
        if of_means is not None:
            goal.add_(
                scaled(
                    gate.new_ones(()).expand(goal.shape), gate, block.of(of_means[0]), scratch.like(goal, 1), scratch
                )
            )
        for group in (FIRST, SECOND):
            here, there = block.shifted(_back(group))
            arrived, gate = there.of(back.grad)[:, :, group], here.of(plane)[:, :, group]
            moves = part_of(back.moving, there, group)
            add_scaled(goal[:, here.within(block), group], arrived, gate, moves, scratch)
