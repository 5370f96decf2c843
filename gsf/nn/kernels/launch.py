"""Runs the programs of one module forward."""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor

from . import body, gate
from .cuts import Kept, Map, Options, absent, block, device_of, precision_of
from .operator import memory_format


def forward(
    x: Tensor,
    gate_weight: Tensor | None,
    gate_bias: Tensor | None,
    norm_weight: Tensor | None,
    norm_bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    fuse_weight: Tensor | None,
    fuse_bias: Tensor | None,
    *,
    options: Options,
    eps: float,
) -> tuple[Tensor, Kept]:
    """Output of the module, and what its gradient needs; statistics of the batch if running ones are absent."""
    layout = memory_format(x)
    x = x.contiguous(memory_format=layout)
    of = Map(x, options)
    kept = {name: absent(x) for name in ("gate", "norm", "means", "weights")} | {"packed": x.new_empty(0)}
    with device_of(x):
        if options.gated:
            kept |= _gate(
                x, of, gate_weight, gate_bias, norm_weight, norm_bias, running_mean, running_var, options, eps
            )
        if options.fused:
            kept |= _fuse(x, of, kept["gate"], fuse_weight, fuse_bias, options)
        out = torch.empty(x.shape, dtype=x.dtype, device=x.device, memory_format=layout)
        pixel_block, width = of.pixel_block(32), block(of.half // 2, 64)
        blocks = triton.cdiv(of.pixels, pixel_block)
        rest = triton.cdiv(of.all_channels - of.channels, 2 * width)
        body.write_output[(of.clips * blocks, 2 * triton.cdiv(of.half // 2, width) + rest)](
            x,
            kept["gate"],
            kept["weights"],
            out,
            *of.strides,
            of.pixels,
            of.all_channels,
            of.channels,
            options.num_segments,
            blocks,
            options.factor,
            gated=options.gated,
            fused=options.fused,
            mixed=options.mixed,
            joined=of.joined,
            pixel_block=pixel_block,
            width=width,
        )
    return out, Kept(**kept)


def _gate(
    x: Tensor,
    of: Map,
    weight: Any,
    bias: Any,
    norm_weight: Any,
    norm_bias: Any,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    options: Options,
    eps: float,
) -> dict[str, Tensor]:
    batch = running_mean is None
    pixel_block, channel_block = of.pixel_block(32), block(of.channels, 128)
    columns = triton.cdiv(of.channels, channel_block)
    chunk, splits = of.chunks(pixel_block, columns)
    rows = of.frames * splits
    part = x.new_empty((2, rows if batch else 0, of.channels), dtype=torch.float32)
    if batch:
        gate.norm_sums[(rows, columns)](
            x, part, *of.strides, of.pixels, of.channels, rows, chunk, splits, pixel_block, channel_block
        )
    norm = x.new_empty((5, of.channels), dtype=torch.float32)
    packed = x.new_empty((of.channels, 32))
    channel_block = block(of.channels, 32)
    gate.norm_finish[(triton.cdiv(of.channels, channel_block),)](
        part,
        norm if batch else running_mean,
        norm if batch else running_var,
        norm_weight,
        norm_bias,
        weight,
        norm,
        packed,
        of.pixels,
        of.channels,
        rows,
        chunk,
        splits,
        float(of.frames * of.pixels),
        eps,
        batch=batch,
        row_block=64,
        channel_block=channel_block,
    )
    taps = x.new_empty((of.frames, 2, 27, of.pixels))
    pixel_block = of.pixel_block(128)
    blocks = triton.cdiv(of.pixels, pixel_block)
    gate.gate_taps[(of.frames * blocks, 2)](
        x,
        norm,
        packed,
        taps,
        *of.strides,
        of.pixels,
        of.channels,
        blocks,
        precision=precision_of(x)[0],
        pixel_block=pixel_block,
        channel_block=block(of.half, 64),
    )
    planes = x.new_empty((of.frames, 2, of.pixels), dtype=torch.float32)
    pixel_block = of.pixel_block(256)
    gate.gate_planes[(of.frames, 2, triton.cdiv(of.pixels, pixel_block))](
        taps, bias, planes, options.num_segments, of.height, of.width, pixel_block
    )
    return {"gate": planes, "norm": norm, "packed": packed}


def _fuse(x: Tensor, of: Map, planes: Tensor, weight: Any, bias: Any, options: Options) -> dict[str, Tensor]:
    pixel_block, channel_block = of.pixel_block(32), block(of.half, 128)
    columns = 2 * triton.cdiv(of.half, channel_block)
    chunk, splits = of.chunks(pixel_block, columns)
    part = x.new_empty((2, splits, of.frames, of.channels), dtype=torch.float32)
    body.pool[(of.frames * splits, columns)](
        x,
        planes,
        part,
        *of.strides,
        of.pixels,
        of.channels,
        of.frames,
        chunk,
        splits,
        gated=options.gated,
        pixel_block=pixel_block,
        channel_block=channel_block,
    )
    means = x.new_empty((2, of.frames, of.channels), dtype=torch.float32)
    wide = block(of.channels, 256)
    body.pool_finish[(of.frames, triton.cdiv(of.channels, wide))](
        part, means, of.pixels, of.channels, of.frames, splits, wide
    )
    weights = x.new_empty((of.frames, of.channels), dtype=torch.float32)
    body.fuse_weights[(of.frames, columns)](
        means, weight, bias, weights, options.num_segments, of.channels, of.frames, channel_block
    )
    return {"means": means, "weights": weights}
