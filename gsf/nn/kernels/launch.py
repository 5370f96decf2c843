"""Runs the Triton programs of one module: what is allocated, how the work is cut, in which order.

Cuts depend on shapes alone, not on measurements or on the device, and every sum has one owner, without atomics: the
same input gives the same bits, run after run.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from . import body, body_gradient, gate, gate_gradient
from .operator import memory_format

PROGRAMS = 1024  # fill a GPU when a pass over a map is cut by frames and channels
ROWS = 1 << 16  # of the parts that hold weight gradients: frames * channels, at most about so many


@dataclass(frozen=True)
class Options:
    """The flags of a module, and the shape of its input."""

    num_segments: int
    processed: int
    factor: float
    mixed: bool
    gated: bool
    fused: bool


@dataclass(frozen=True)
class Kept:
    """Small tensors that the gradient needs beside x; empty where a flag is off."""

    gate: Tensor  # (frames, 2, pixels)
    norm: Tensor  # (5, F): mean, variance, 1 / deviation, scale, shift
    packed: Tensor  # (F, 32): weight of the gate
    means: Tensor  # (2, frames, F): of y and of x
    weights: Tensor  # (frames, F): w


class _Map:
    """Shape and strides of a feature map, and the cuts that follow from them."""

    def __init__(self, x: Tensor, options: Options) -> None:
        self.frames, self.all_channels, self.height, self.width = x.shape
        self.channels, self.half = options.processed, options.processed // 2
        self.pixels = self.height * self.width
        self.last = memory_format(x) == torch.channels_last
        pitch = self.all_channels if self.last else 1
        self.strides = (
            self.all_channels * self.pixels,
            1 if self.last else self.pixels,
            pitch,
        )  # frame, channel, pixel
        self.joined = self.last and options.mixed
        self.clips = self.frames // options.num_segments

    def pixel_block(self, most: int) -> int:
        return _block(self.pixels, most)

    def chunks(self, pixel_block: int, others: int) -> tuple[int, int]:
        """Pixels of a chunk and chunks of a frame, so that with `others` there are enough programs."""
        tiles = triton.cdiv(self.pixels, pixel_block)
        splits = min(tiles, triton.cdiv(PROGRAMS, self.frames * others))
        chunk = triton.cdiv(tiles, splits) * pixel_block
        return chunk, triton.cdiv(self.pixels, chunk)


def _block(length: int, most: int) -> int:
    """A power of two that covers `length` if it may; 16 is the least that products take."""
    return int(max(16, min(most, triton.next_power_of_2(length))))


def _absent(x: Tensor) -> Tensor:
    return x.new_empty(0, dtype=torch.float32)  # a new one each time: results of an operator share no memory


def _device_of(x: Tensor) -> AbstractContextManager[Any]:
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


def _products(x: Tensor) -> tuple[str, Any]:
    """Precision of float32 products, and the type of those in the backward pass.

    float16 would overflow there when the loss is scaled: such products take tf32, whose mantissa is as long.
    """
    if x.dtype == torch.bfloat16:
        return "tf32", tl.bfloat16
    return ("ieee" if x.dtype == torch.float32 else "tf32"), tl.float32


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
    of = _Map(x, options)
    kept = {name: _absent(x) for name in ("gate", "norm", "means", "weights")} | {"packed": x.new_empty(0)}
    with _device_of(x):
        if options.gated:
            kept |= _gate(
                x, of, gate_weight, gate_bias, norm_weight, norm_bias, running_mean, running_var, options, eps
            )
        if options.fused:
            kept |= _fuse(x, of, kept["gate"], fuse_weight, fuse_bias, options)
        out = torch.empty(x.shape, dtype=x.dtype, device=x.device, memory_format=layout)
        pixel_block, width = of.pixel_block(32), _block(of.half // 2, 64)
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
    of: _Map,
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
    pixel_block, channel_block = of.pixel_block(32), _block(of.channels, 128)
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
    channel_block = _block(of.channels, 32)
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
        precision=_products(x)[0],
        pixel_block=pixel_block,
        channel_block=_block(of.half, 64),
    )
    planes = x.new_empty((of.frames, 2, of.pixels), dtype=torch.float32)
    pixel_block = of.pixel_block(256)
    gate.gate_planes[(of.frames, 2, triton.cdiv(of.pixels, pixel_block))](
        taps, bias, planes, options.num_segments, of.height, of.width, pixel_block
    )
    return {"gate": planes, "norm": norm, "packed": packed}


def _fuse(x: Tensor, of: _Map, planes: Tensor, weight: Any, bias: Any, options: Options) -> dict[str, Tensor]:
    pixel_block, channel_block = of.pixel_block(32), _block(of.half, 128)
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
    wide = _block(of.channels, 256)
    body.pool_finish[(of.frames, triton.cdiv(of.channels, wide))](
        part, means, of.pixels, of.channels, of.frames, splits, wide
    )
    weights = x.new_empty((of.frames, of.channels), dtype=torch.float32)
    body.fuse_weights[(of.frames, columns)](
        means, weight, bias, weights, options.num_segments, of.channels, of.frames, channel_block
    )
    return {"means": means, "weights": weights}


def backward(
    grad: Tensor, x: Tensor, kept: Kept, fuse_weight: Tensor | None, *, options: Options, batch: bool
) -> tuple[Tensor, ...]:
    """Gradients of x and, in float32, of the gate's weight and bias, of the norm's and of the fuse convolution's."""
    layout = memory_format(x)
    x, grad = x.contiguous(memory_format=layout), grad.contiguous(memory_format=layout)
    of = _Map(x, options)
    with _device_of(x):
        width = _block(of.half // 2, 64)
        per_group = triton.cdiv(of.half // 2, width)
        of_means, of_plane, extra = (_absent(x) for _ in range(3))
        of_gate = [_absent(x) for _ in range(4)]
        of_fuse = [_absent(x) for _ in range(2)]
        if options.gated or options.fused:
            pixel_block = of.pixel_block(64)
            blocks = triton.cdiv(of.pixels, pixel_block)
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
                num_warps=16,
            )
        if options.fused:
            of_means, *of_fuse = _fuse_gradient(part, kept, of, fuse_weight, options)
        if options.gated:
            of_plane = _plane_gradient(x, kept, of, gate_part, of_means, options)
            of_weight, of_scale, of_shift, extra = _weight_gradient(x, kept, of, of_plane, options, batch)
            of_gate = [of_weight, of_plane.sum((0, 2)), of_scale, of_shift]
        of_x = torch.empty(x.shape, dtype=x.dtype, device=x.device, memory_format=layout)
        precision, kind = _products(x)
        pixel_block = of.pixel_block(32)
        blocks = triton.cdiv(of.pixels, pixel_block)
        rest = triton.cdiv(of.all_channels - of.channels, 2 * width)
        gate_gradient.write_gradient[(of.clips * blocks, 2 * per_group + rest)](
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
            num_warps=8,
        )
    return of_x, *of_gate, *of_fuse


def _fuse_gradient(part: Tensor, kept: Kept, of: _Map, kernel: Any, options: Options) -> tuple[Tensor, Tensor, Tensor]:
    wide = _block(of.channels, 256)
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
    channel_block = _block(of.half, 128)
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


def _plane_gradient(x: Tensor, kept: Kept, of: _Map, gate_part: Tensor, of_means: Tensor, options: Options) -> Tensor:
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
        channel_block=_block(of.half, 64),
    )
    return of_plane


def _weight_gradient(
    x: Tensor, kept: Kept, of: _Map, of_plane: Tensor, options: Options, batch: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    precision, kind = _products(x)
    channel_block = _block(of.half, 64)
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
    channel_block = _block(of.channels, 16)
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
