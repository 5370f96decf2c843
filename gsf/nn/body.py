"""What GSM and GSF do to a feature map, differentiable once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from . import functional, kernels
from ._clips import full_precision
from .blocks import Body
from .eager import Norm, forward, statistics
from .eager_grad import backward
from .gate import Gate, remember, values_per_channel


def gate_shift_fuse(
    x: Tensor, gate: Gate | None, fuse: nn.Conv2d | None, body: Body, *, layer: str, backend: kernels.Backend
) -> Tensor:
    """Gate, shift, fuse and interleave the first F channels of `(B*T, C, H, W)`.

    Args:
        x: the feature map.
        gate: the gate; None lets everything move.
        fuse: the two fuse convolutions as one; None adds what moved and what stayed (GSM).
        body: the constants.
        layer: its name, for errors.
        backend: see `kernels.set_backend`.
    """
    if kernels.chosen(layer, backend, x, None if gate is None else gate.norm):
        return kernels.run(
            x,
            gate,
            fuse,
            num_segments=body.time,
            processed=body.processed,
            scale=body.scale,
            interleave=body.interleave,
        )
    ordinary = gate is None or (type(gate.norm) is nn.BatchNorm2d and gate.norm.affine)
    if torch.compiler.is_compiling() or not ordinary:
        return _plain(x, gate, fuse, body)
    if not x.is_contiguous() and not x.is_contiguous(memory_format=torch.channels_last):
        x = x.contiguous()
    mean = variance = None
    of_batch, eps = False, 0.0
    weights: list[Tensor | None] = [None] * 6
    if gate is not None:
        norm = gate.norm
        of_batch, eps = norm.training or norm.running_mean is None, norm.eps
        mean, variance = _of_batch(norm, x, body) if of_batch else (norm.running_mean, norm.running_var)
        weights[:4] = [norm.weight, norm.bias, gate.weight, gate.bias]
    if fuse is not None:
        weights[4:] = [fuse.weight, fuse.bias]
    with full_precision(x):  # what autocast wants narrow arrives narrow
        out: Tensor = _Body.apply(x, *weights, mean, variance, eps, of_batch, body)
    return out


def _plain(x: Tensor, gate: Gate | None, fuse: nn.Conv2d | None, body: Body) -> Tensor:
    """In plain operations: for compilers and export, and norms of another kind (one over several processes, say)."""
    clips, (height, width) = x.shape[0] // body.time, x.shape[-2:]
    plane = x.new_ones((clips, body.time, 2, height, width)) if gate is None else gate(x[:, : body.processed])
    return functional.gate_shift_fuse(
        x,
        plane,
        None if fuse is None else fuse.weight,
        None if fuse is None else fuse.bias,
        channels=body.processed,
        scale=body.scale,
        interleave=body.interleave,
    )


def _of_batch(norm: nn.BatchNorm2d, x: Tensor, body: Body) -> tuple[Tensor, Tensor]:
    """Mean and variance of x, by which the norm's running ones are brought up to date as `nn.BatchNorm2d` does."""
    count = values_per_channel(x)
    with torch.no_grad():
        mean, variance = statistics(x, body)
    if norm.training:
        remember(norm, mean, variance, count)
    return mean, variance


class _Body(Function):
    """`eager.forward` and its gradient; x alone is kept of the feature maps."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gamma: Tensor | None,
        beta: Tensor | None,
        weight: Tensor | None,
        bias: Tensor | None,
        kernel: Tensor | None,
        fuse_bias: Tensor | None,
        mean: Tensor | None,
        variance: Tensor | None,
        eps: float,
        of_batch: bool,
        body: Body,
    ) -> Tensor:
        norm = None
        if gamma is not None and beta is not None and mean is not None and variance is not None:
            norm = Norm(mean, torch.rsqrt(variance + eps), gamma, beta, of_batch)
        out, plane, mean_y, mean_x = forward(x, norm, weight, bias, kernel, fuse_bias, body)
        inverse_std = None if norm is None else norm.inverse_std
        ctx.save_for_backward(x, gamma, beta, weight, kernel, fuse_bias, mean, inverse_std, plane, mean_y, mean_x)
        ctx.options = of_batch, body
        return out

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
        # Not torch's once_differentiable: its error is skipped by autograd.grad(..., inputs), which is then wrong.
        if torch.is_grad_enabled():
            raise RuntimeError(
                "GSF: backward was called with create_graph=True, must be without: its gradient is written by hand "
                "and has no second derivative; compute first derivatives only"
            )
        x, gamma, beta, weight, kernel, fuse_bias, mean, inverse_std, plane, mean_y, mean_x = ctx.saved_tensors
        of_batch, body = ctx.options
        norm = None if gamma is None else Norm(mean, inverse_std, gamma, beta, of_batch)
        fuse = None if kernel is None else (mean_y, mean_x, kernel, fuse_bias)
        of = backward(grad_out, x, norm, weight, plane, fuse, body)
        gate = (None,) * 4 if of.gate is None else (of.gate.gamma, of.gate.beta, of.gate.weight, of.gate.bias)
        return of.x, *gate, of.kernel, of.fuse_bias, None, None, None, None, None
