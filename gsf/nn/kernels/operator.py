"""The operator `gsf::gate_shift_fuse` and its gradient, as PyTorch knows them: types, shapes, autograd.

Opaque to the compiler (`torch.library.custom_op`, not `triton_op`): the programs cut their own work and need a fixed
memory format, and there is nothing around them to fuse with. A fake kernel gives the shapes, so that a compiled network
has no graph break.

Under autocast the operator is called as it is, which is its rule: it computes in the type of its features, with
parameters of any type, and sums in float32.

Registering needs no Triton; running does.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.library import custom_op

from ..blocks import is_channels_last


def _options(
    num_segments: int,
    processed: int,
    scale: float,
    interleave: bool,
    gate_weight: Tensor | None,
    fuse_weight: Tensor | None,
) -> Any:
    from . import cuts  # imports triton

    return cuts.Options(
        num_segments=num_segments,
        processed=processed,
        factor=scale if fuse_weight is not None else 1.0,
        mixed=interleave,
        gated=gate_weight is not None,
        fused=fuse_weight is not None,
    )


def memory_format(x: Tensor) -> torch.memory_format:
    """What the output has: channels_last if the input is, and not contiguous as well."""
    return torch.channels_last if is_channels_last(x) else torch.contiguous_format


@custom_op("gsf::gate_shift_fuse", mutates_args=())
def gate_shift_fuse(
    x: Tensor,
    gate_weight: Tensor | None,
    gate_bias: Tensor | None,
    norm_weight: Tensor | None,
    norm_bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    fuse_weight: Tensor | None,
    fuse_bias: Tensor | None,
    num_segments: int,
    processed: int,
    eps: float,
    scale: float,
    interleave: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Output `(B*T, C, H, W)`, and small tensors for the gradient: gate, norm, packed weight, means, w.

    Args:
        x: `(B*T, C, H, W)`, of which the first `processed` channels take part.
        gate_weight, gate_bias: `(6, F/2, 3, 3)` and `(2,)`, as in `Gate`; None: all moves (a gate of 1).
        norm_weight, norm_bias: `(F,)`.
        running_mean, running_var: `(F,)`, or None: statistics of this batch.
        fuse_weight, fuse_bias: `(2, 2, 3, 3)` and `(2,)`; None: the sum of y and r.
        num_segments, processed, eps: T, F, and that of batch norm.
        scale: factor of the fuse weights.
        interleave: whether to mix the halves of each group.
    """
    from . import launch

    options = _options(num_segments, processed, scale, interleave, gate_weight, fuse_weight)
    out, kept = launch.forward(
        x,
        gate_weight,
        gate_bias,
        norm_weight,
        norm_bias,
        running_mean,
        running_var,
        fuse_weight,
        fuse_bias,
        options=options,
        eps=eps,
    )
    return out, kept.gate, kept.norm, kept.packed, kept.means, kept.weights


@gate_shift_fuse.register_fake
def _(
    x: Tensor,
    gate_weight: Tensor | None,
    gate_bias: Tensor | None,
    norm_weight: Tensor | None,
    norm_bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    fuse_weight: Tensor | None,
    fuse_bias: Tensor | None,
    num_segments: int,
    processed: int,
    eps: float,
    scale: float,
    interleave: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    frames, pixels = x.shape[0], x.shape[2] * x.shape[3]
    gated, fused = gate_weight is not None, fuse_weight is not None

    def small(*shape: Any, there: bool) -> Tensor:
        return x.new_empty(shape if there else (0,), dtype=torch.float32)

    return (
        torch.empty(x.shape, dtype=x.dtype, device=x.device, memory_format=memory_format(x)),
        small(frames, 2, pixels, there=gated),
        small(5, processed, there=gated),
        x.new_empty((processed, 32) if gated else (0,)),
        small(2, frames, processed, there=fused),
        small(frames, processed, there=fused),
    )


@custom_op("gsf::gate_shift_fuse_backward", mutates_args=())
def gate_shift_fuse_backward(
    grad: Tensor,
    x: Tensor,
    gate: Tensor,
    norm: Tensor,
    packed: Tensor,
    means: Tensor,
    weights: Tensor,
    fuse_weight: Tensor | None,
    num_segments: int,
    processed: int,
    scale: float,
    interleave: bool,
    batch: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of x, gate_weight, gate_bias, norm_weight, norm_bias, fuse_weight, fuse_bias; all but x's float32.

    `batch`: whether the statistics were those of the batch, so that x reaches them. Empty where a part is absent.
    """
    from . import cuts, launch_gradient

    gated = gate if gate.numel() else None
    options = _options(num_segments, processed, scale, interleave, gated, fuse_weight)
    kept = cuts.Kept(gate=gate, norm=norm, packed=packed, means=means, weights=weights)
    of_x, of_gate, of_gate_bias, of_norm, of_norm_bias, of_fuse, of_fuse_bias = launch_gradient.backward(
        grad, x, kept, fuse_weight, options=options, batch=batch
    )
    return of_x, of_gate, of_gate_bias, of_norm, of_norm_bias, of_fuse, of_fuse_bias


@gate_shift_fuse_backward.register_fake
def _(
    grad: Tensor,
    x: Tensor,
    gate: Tensor,
    norm: Tensor,
    packed: Tensor,
    means: Tensor,
    weights: Tensor,
    fuse_weight: Tensor | None,
    num_segments: int,
    processed: int,
    scale: float,
    interleave: bool,
    batch: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    def small(*shape: int, there: bool) -> Tensor:
        return x.new_empty(shape if there else (0,), dtype=torch.float32)

    gated, fused = packed.dim() == 2, fuse_weight is not None
    return (
        torch.empty(x.shape, dtype=x.dtype, device=x.device, memory_format=memory_format(x)),
        small(6, processed // 2, 3, 3, there=gated),
        small(2, there=gated),
        small(processed, there=gated),
        small(processed, there=gated),
        small(2, 2, 3, 3, there=fused),
        small(2, there=fused),
    )


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    x, *parameters, running_mean, _, fuse_weight, fuse_bias, num_segments, processed, _, scale, interleave = inputs
    _, *kept = output
    ctx.save_for_backward(x, *kept, fuse_weight)
    ctx.options = num_segments, processed, scale, interleave, running_mean is None
    ctx.types = [None if value is None else value.dtype for value in (*parameters, fuse_weight, fuse_bias)]
    ctx.mark_non_differentiable(*kept)
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, grad: Tensor | None, *_: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 14
    x, *kept, fuse_weight = ctx.saved_tensors
    of_x, *small = gate_shift_fuse_backward(grad, x, *kept, fuse_weight, *ctx.options)
    of = [None if kind is None else value.to(kind) for value, kind in zip(small, ctx.types, strict=True)]
    return of_x, *of[:4], None, None, *of[4:], None, None, None, None, None


def _refuse(ctx: Any, *_: Any) -> None:
    raise RuntimeError(
        "GSF: backward was called through its gradient, must be called once: the kernels have no second derivative; "
        "compute first derivatives only, or choose the backend 'eager'"
    )


gate_shift_fuse.register_autograd(_backward, setup_context=_setup_context)
gate_shift_fuse_backward.register_autograd(_refuse)
