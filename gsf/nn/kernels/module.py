"""Runs the operator with a module's weights, and keeps batch norm's running statistics."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..gate import Gate
from .operator import gate_shift_fuse


def run(
    x: Tensor,
    gate: Gate | None,
    fuse: nn.Conv2d | None,
    *,
    num_segments: int,
    processed: int,
    scale: float = 1.0,
    interleave: bool,
) -> Tensor:
    """GSF, or GSM (`fuse` None), on `(B*T, C, H, W)`.

    Args:
        x: of which the first `processed` channels take part; the others are passed on in the same pass.
        gate: None lets everything move.
        fuse: the fuse convolutions, 4 -> 2 in two groups; None adds y and r.
        num_segments: frames T of a clip.
        processed: channels F that take part.
        scale: factor of the fuse weights.
        interleave: whether to mix the halves of each group.

    Raises:
        ValueError: batch statistics of a single value per channel.
    """
    norm = None if gate is None else gate.norm
    batch = norm is not None and norm.training
    if batch and x.numel() == x.shape[1]:
        raise ValueError(
            f"GSF: input has shape {tuple(x.shape)}, must have more than one value per channel in training; "
            "batch statistics need several"
        )
    use_running = norm is not None and not batch
    out: Tensor
    out, _, statistics, *_ = gate_shift_fuse(
        x,
        None if gate is None else gate.weight,
        None if gate is None else gate.bias,
        None if norm is None else norm.weight,
        None if norm is None else norm.bias,
        norm.running_mean if norm is not None and use_running else None,
        norm.running_var if norm is not None and use_running else None,
        None if fuse is None else fuse.weight,
        None if fuse is None else fuse.bias,
        num_segments,
        processed,
        1e-5 if norm is None else norm.eps,
        scale,
        interleave,
    )
    if norm is not None and batch:
        _remember(norm, statistics, x.numel() // x.shape[1])
    return out


@torch.no_grad()
def _remember(norm: nn.BatchNorm2d, statistics: Tensor, count: int) -> None:
    """Running statistics as `nn.BatchNorm2d` keeps them: of the unbiased variance."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    norm.num_batches_tracked.add_(1)
    norm.running_mean.lerp_(statistics[0].to(norm.running_mean.dtype), norm.momentum)
    norm.running_var.lerp_((statistics[1] * (count / (count - 1))).to(norm.running_var.dtype), norm.momentum)
