"""Runs the operator with a module's weights, and keeps batch norm's running statistics."""

from __future__ import annotations

from torch import Tensor, nn

from ..gate import Gate, remember, values_per_channel
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
    count = values_per_channel(x) if batch else 0
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
        remember(norm, statistics[0], statistics[1], count)
    return out
