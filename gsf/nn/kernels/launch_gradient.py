"""Runs the programs of one module backward."""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor

from . import body_gradient, gate_gradient
from .cuts import Kept, Map, Options, absent, block, device_of, precision_of
from .operator import memory_format

ROWS = 1 << 16  # of the parts that hold weight gradients: frames * channels, at most about so many


def backward(
    grad: Tensor, x: Tensor, kept: Kept, fuse_weight: Tensor | None, *, options: Options, batch: bool
) -> tuple[Tensor, ...]:
    """Gradients of x and, in float32, of the gate's weight and bias, of the norm's and of the fuse convolution's."""
    layout = memory_format(x)
    x, grad = x.contiguous(memory_format=layout), grad.contiguous(memory_format=layout)
    of = Map(x, options)
    of_means, of_plane, extra = (absent(x) for _ in range(3))
    of_gate, of_fuse = [absent(x) for _ in range(4)], [absent(x) for _ in range(2)]
    with device_of(x):
        if options.gated or options.fused:
            part, gate_part = _products(grad, x, kept, of, options)
        if options.fused:
            of_means, *of_fuse = _fuse_gradient(part, kept, of, fuse_weight, options)
        if options.gated:
            of_plane = _plane_gradient(x, kept, of, gate_part, of_means, options)
            of_weight, of_scale, of_shift, extra = _weight_gradient(x, kept, of, of_plane, options, batch)
            of_gate = [of_weight, of_plane.sum((0, 2)), of_scale, of_shift]
        of_x = torch.empty(x.shape, dtype=x.dtype, device=x.device, memory_format=layout)
        precision, kind = precision_of(x)
        pixel_block, width = of.pixel_block(16), block(of.half // 2, 64)
        blocks = triton.cdiv(of.pixels, pixel_block)
        rest = triton.cdiv(of.all_channels - of.channels, 2 * width)
        gate_gradient.write_gradient[(of.clips * blocks, 2 * triton.cdiv(of.half // 2, width) + rest)](
            x,
            grad,
            kept.gate,
            kept.weights,
            of_means,
            of_plane,
            kept.norm,
            kept.packed,
            extra,
            of_x,
            *of.strides,
            of.all_channels,
            of.channels,
            of.frames,
            options.num_segments,
            of.height,
            of.width,
            blocks,
            options.factor,
            gated=options.gated,
            fused=options.fused,
            mixed=options.mixed,
            joined=of.joined,
            precision=precision,
            kind=kind,
            pixel_block=pixel_block,
            width=width,
            num_warps=8,  # with these blocks 128 registers on sm_90: two programs a multiprocessor
        )
    return of_x, *of_gate, *of_fuse


def _products(grad: Tensor, x: Tensor, kept: Kept, of: Map, options: Options) -> tuple[Tensor, Tensor]:
    pixel_block, width = of.pixel_block(64), block(of.half // 2, 32)
    blocks, per_group = triton.cdiv(of.pixels, pixel_block), triton.cdiv(of.half // 2, width)
    part = x.new_empty((2, blocks if options.fused else 0, of.frames, of.channels), dtype=torch.float32)
    gate_part = x.new_empty((per_group, of.frames, 2, of.pixels if options.gated else 0), dtype=torch.float32)
    body_gradient.products[(of.clips * blocks, 2 * per_group)](
        x,
        grad,
        kept.gate,
        kept.weights,
        part,
        gate_part,
        *of.strides,
        of.pixels,
        of.channels,
        of.frames,
        options.num_segments,
        blocks,
        options.factor,
        gated=options.gated,
        fused=options.fused,
        mixed=options.mixed,
        joined=of.joined,
        pixel_block=pixel_block,
        width=width,
        num_warps=8,  # as in write_gradient
    )
    return part, gate_part


def _fuse_gradient(part: Tensor, kept: Kept, of: Map, kernel: Any, options: Options) -> tuple[Tensor, Tensor, Tensor]:
    wide = block(of.channels, 256)
    of_logit = torch.empty_like(kept.weights)
    body_gradient.logit_gradient[(of.frames, triton.cdiv(of.channels, wide))](
        part,
        kept.weights,
        of_logit,
        of.channels,
        of.frames,
        options.num_segments,
        part.shape[1],
        options.factor,
        wide,
    )
    channel_block = block(of.half, 128)
    blocks = triton.cdiv(of.half, channel_block)
    of_means = torch.empty_like(kept.means)
    sums = of_logit.new_empty((of.frames, blocks, 2, 19))
    body_gradient.fuse_gradient[(of.frames, 2 * blocks)](
        of_logit,
        kept.means,
        kernel,
        of_means,
        sums,
        of.pixels,
        of.channels,
        of.frames,
        options.num_segments,
        channel_block,
    )
    total = sums.sum((0, 1))  # (2, 18 and 1)
    return of_means, total[:, :18].contiguous().view(2, 2, 3, 3), total[:, 18].clone()


def _plane_gradient(x: Tensor, kept: Kept, of: Map, gate_part: Tensor, of_means: Tensor, options: Options) -> Tensor:
    of_plane = torch.empty_like(kept.gate)
    pixel_block = of.pixel_block(64)
    blocks = triton.cdiv(of.pixels, pixel_block)
    gate_gradient.plane_gradient[(of.frames * blocks, 2)](
        x,
        kept.gate,
        gate_part,
        of_means,
        of_plane,
        *of.strides,
        of.pixels,
        of.channels,
        of.frames,
        blocks,
        gate_part.shape[0],
        fused=options.fused,
        pixel_block=pixel_block,
        channel_block=block(of.half, 64),
    )
    return of_plane


def _weight_gradient(
    x: Tensor, kept: Kept, of: Map, of_plane: Tensor, options: Options, batch: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    precision, kind = precision_of(x)
    channel_block = block(of.half, 64)
    columns = 2 * triton.cdiv(of.half, channel_block)
    chunk = triton.cdiv(of.frames, max(1, min(of.frames, ROWS // of.channels)))
    splits = triton.cdiv(of.frames, chunk)
    part = x.new_empty((splits, of.channels, 32), dtype=torch.float32)
    gate_gradient.weight_gradient[(splits, columns)](
        x,
        kept.norm,
        kept.packed,
        of_plane,
        part,
        *of.strides,
        of.channels,
        of.frames,
        options.num_segments,
        of.height,
        of.width,
        chunk,
        precision=precision,
        kind=kind,
        pixel_block=of.pixel_block(32),
        channel_block=channel_block,
    )
    of_weight = part.new_empty((6, of.half, 3, 3))
    of_scale, of_shift = part.new_empty(of.channels), part.new_empty(of.channels)
    extra = part.new_empty((2, of.channels))
    channel_block = block(of.channels, 16)
    gate_gradient.norm_gradient[(triton.cdiv(of.channels, channel_block),)](
        part,
        kept.norm,
        of_weight,
        of_scale,
        of_shift,
        extra,
        of.channels,
        splits,
        float(of.frames * of.pixels),
        batch=batch,
        channel_block=channel_block,
    )
    return of_weight, of_scale, of_shift, extra
