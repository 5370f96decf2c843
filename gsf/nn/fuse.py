"""Gate, shift, fuse and interleave in few passes over memory, with a backward pass written by hand.

Sudhakaran, Escalera, Lanz, "Gate-Shift-Fuse for Video Action Recognition", TPAMI 2023, section 3. In one group,
with input x, gate g (a plane), fuse weight w (a vector of channels), and a shift that takes frame t+1 (group 0; t-1 in
group 1):

    y = g x        r = x - y        out[t] = scale * (w[t] y[t+1] + (1 - w[t]) r[t])

Feature maps are written in place into buffers of the input's memory format, the interleaving being a view of the
output, so that neither shift nor interleaving costs a copy. What pools over the map needs sums of x and of y alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from ._clips import shift


def gate_shift_fuse(
    x: Tensor, rest: Tensor, gate: Tensor, kernel: Tensor, bias: Tensor, *, scale: float, interleave: bool
) -> Tensor:
    """The body of GSF behind its gate; once differentiable.

    Args:
        x: `(B*T, F, H, W)`, the channels that take part, contiguous in their memory format.
        rest: `(B*T, C - F, H, W)`, those that are passed on, maybe none.
        gate: `(B, T, 2, H, W)`, of the same dtype as x.
        kernel, bias: `(2, 2, 3, 3)` and `(2,)`, the fuse convolution of each group.
        scale: factor of the fuse weights.
        interleave: whether to mix the halves of each group.

    Returns:
        `(B*T, C, H, W)` in the memory format of x.
    """
    out: Tensor
    if torch.is_grad_enabled():
        out = _Fused.apply(x, rest, gate, kernel, bias, scale, interleave)
    else:
        out = _forward(x, rest, gate, kernel, bias, scale, interleave)[0]
    return out


def fuse_logits(mean_y: Tensor, mean_x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Logits of w, `(B, T, 2, F/2)`, from the spatial means of y (not yet shifted) and of x, of that shape too.

    A 3x3 convolution over the (channel, time) plane of shifted y and r, one for each group (section 3).
    """
    # mean(r) = mean(x) - mean(y), and the mean of shifted y is the shifted mean of y
    pooled = torch.stack((shift(mean_y), mean_x - mean_y), 3)  # (B, T, 2 groups, 2, F/2)
    plane = pooled.permute(0, 2, 3, 4, 1).flatten(1, 2)  # (B, 4, F/2, T)
    with torch.autocast(plane.device.type, enabled=False):  # a few values, worth their full precision
        logits = functional.conv2d(plane, kernel.to(plane.dtype), bias.to(plane.dtype), padding=1, groups=2)
    return logits.permute(0, 3, 1, 2)


def _groups(x: Tensor, time: int, channels: int, *, interleaved: bool = False) -> Tensor:
    """View the first F channels of a `(B*T, C, H, W)` as `(B, T, 2 groups, 2 halves, F/4, H, W)`.

    Interleaved channel `2j + i` of a group is what `i * F/4 + j` was.
    """
    frames, _, height, width = x.shape
    x = x[:, :channels]
    if interleaved:
        return x.view(frames // time, time, 2, channels // 4, 2, height, width).transpose(3, 4)
    return x.view(frames // time, time, 2, 2, channels // 4, height, width)


def _vector(w: Tensor) -> Tensor:
    """`(B, T, 2, F/2)` so that it broadcasts over what `_groups` gives."""
    clips, time, _, half = w.shape
    return w.reshape(clips, time, 2, 2, half // 2, 1, 1)


def _plane(gate: Tensor) -> Tensor:
    """`(B, T, 2, H, W)` so that it broadcasts over what `_groups` gives."""
    return gate[:, :, :, None, None]


def _sum_dtype(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _forward(
    x: Tensor, rest: Tensor, gate: Tensor, kernel: Tensor, bias: Tensor, scale: float, interleave: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The output, and the spatial means of y and x, `(B, T, 2, F/2)`."""
    time, channels = gate.shape[1], x.shape[1]
    groups, plane = _groups(x, time, channels), _plane(gate)
    y = groups * plane
    wide = _sum_dtype(x)
    mean_y = y.mean((-2, -1), dtype=wide).flatten(3)
    mean_x = groups.mean((-2, -1), dtype=wide).flatten(3)
    w = _vector(torch.sigmoid(fuse_logits(mean_y, mean_x, kernel, bias))).to(x.dtype)
    last = not x.is_contiguous()  # then it is channels_last
    out = torch.empty(
        (x.shape[0], channels + rest.shape[1], *x.shape[2:]),
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last if last else torch.contiguous_format,
    )
    target = _groups(out, time, channels, interleaved=interleave)
    torch.mul(groups, 1 - plane, out=target)  # r
    target[:, :-1, 0].lerp_(y[:, 1:, 0], w[:, :-1, 0])  # w y + (1 - w) r
    target[:, 1:, 1].lerp_(y[:, :-1, 1], w[:, 1:, 1])
    target[:, -1, 0].mul_(1 - w[:, -1, 0])  # no frame to take y from
    target[:, 0, 1].mul_(1 - w[:, 0, 1])
    if scale != 1:
        target.mul_(scale)
    out[:, channels:] = rest
    return out, mean_y, mean_x


class _Fused(Function):
    """`_forward` and its gradient; y is not kept, so that x alone stays in memory."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        rest: Tensor,
        gate: Tensor,
        kernel: Tensor,
        bias: Tensor,
        scale: float,
        interleave: bool,
    ) -> Tensor:
        out, mean_y, mean_x = _forward(x, rest, gate, kernel, bias, scale, interleave)
        ctx.save_for_backward(x, gate, kernel, bias, mean_y, mean_x)
        ctx.options = scale, interleave
        return out

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
        # Not torch's once_differentiable: its error is skipped by autograd.grad(..., inputs), which is then wrong.
        if torch.is_grad_enabled():
            raise RuntimeError(
                "GSF: backward was called with create_graph=True, must be without: its gradient is written by hand "
                "and has no second derivative; compute first derivatives only"
            )
        x, gate, kernel, bias, mean_y, mean_x = ctx.saved_tensors
        scale, interleave = ctx.options
        time, channels = gate.shape[1], x.shape[1]
        small = [value.detach().requires_grad_() for value in (mean_y, mean_x, kernel, bias)]
        with torch.enable_grad():
            logits = fuse_logits(*small)
        w = torch.sigmoid(logits.detach())  # (B, T, 2, F/2)
        grad = _groups(grad_out, time, channels, interleaved=interleave)
        groups, plane = _groups(x, time, channels), _plane(gate)

        # Gradients of y and r before pooling: those of out times w (one frame back) and times 1 - w.
        of_y, of_x = torch.empty_like(groups), torch.empty_like(x)
        of_r = _groups(of_x, time, channels)
        moving, staying = _vector(scale * w).to(x.dtype), _vector(scale * (1 - w)).to(x.dtype)
        torch.mul(grad[:, :-1, 0], moving[:, :-1, 0], out=of_y[:, 1:, 0])
        torch.mul(grad[:, 1:, 1], moving[:, 1:, 1], out=of_y[:, :-1, 1])
        of_y[:, 0, 0] = 0
        of_y[:, -1, 1] = 0
        torch.mul(grad, staying, out=of_r)

        # d out / d logit = scale w (1 - w) (shifted y - r): both terms follow from sums of the gradients above.
        product = of_y * groups
        of_gate = product.sum((3, 4))
        from_y = shift(product.mul_(plane).sum((-2, -1), dtype=w.dtype).flatten(3))
        torch.mul(of_r, groups, out=product)
        of_gate -= product.sum((3, 4))
        from_r = product.mul_(1 - plane).sum((-2, -1), dtype=w.dtype).flatten(3)
        of_mean_y, of_mean_x, of_kernel, of_bias = torch.autograd.grad(logits, small, (1 - w) * from_y - w * from_r)

        # Pooling: y reaches the means through g x, and x also by itself.
        pixels = x.shape[-2] * x.shape[-1]
        of_mean_y, of_mean_x = (_vector(value / pixels).to(x.dtype) for value in (of_mean_y, of_mean_x))
        of_gate += torch.mul(groups, of_mean_y, out=product).sum((3, 4))
        of_r.lerp_(of_y.add_(of_mean_y), plane)  # x = y / g = r / (1 - g)
        of_r.add_(of_mean_x)
        return of_x, grad_out[:, channels:], of_gate, of_kernel, of_bias, None, None
