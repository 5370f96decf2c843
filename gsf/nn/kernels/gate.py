"""Triton programs of the gate: batch norm, and tanh(conv(relu(norm x))) with one pass over x.

The 3x3x3 convolution is a product: every pixel's F/2 channels of a group times (F/2, 27) give 27 numbers, one for each
tap, and a gate value is the sum of 27 of them at shifted places. So x is read once; what is read shifted is small.

Memory is addressed by the strides of one frame, channel and pixel, so that channels_last and NCHW are one code. A tile
is (pixels, channels) of one frame. Sums are in float32 and each has one owner, in an order that the shape fixes.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .backend import INTERPRETED

WIDEN = tl.constexpr(INTERPRETED)  # Triton's interpreter multiplies the bits of bfloat16 instead of its values


@triton.jit
def product(a, b, total, precision: tl.constexpr):
    """total + a b, in float32."""
    if WIDEN:
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, b, total, input_precision=precision)


@triton.jit
def norm_sums(
    x,
    part,  # (2, rows, F): mean, and sum of squared deviations, of each chunk of pixels of each frame
    frame_stride,
    channel_stride,
    pixel_stride,
    pixels,
    channels,
    rows,
    chunk,
    splits,
    pixel_block: tl.constexpr,
    channel_block: tl.constexpr,
):
    """Mean and squared deviations of a channel over a chunk; shifted by a first value, so that nothing cancels."""
    row = tl.program_id(0)
    c = tl.program_id(1) * channel_block + tl.arange(0, channel_block)
    live = c < channels
    first = (row % splits) * chunk
    last = tl.minimum(first + chunk, pixels)
    base = x + (row // splits).to(tl.int64) * frame_stride + c * channel_stride
    pivot = tl.load(base + first * pixel_stride, mask=live, other=0).to(tl.float32)
    sums = tl.zeros((pixel_block, channel_block), tl.float32)
    squares = tl.zeros((pixel_block, channel_block), tl.float32)
    for start in range(first, last, pixel_block):
        p = start + tl.arange(0, pixel_block)
        mask = (p < last)[:, None] & live[None, :]
        value = tl.load(base[None, :] + p[:, None] * pixel_stride, mask=mask, other=0).to(tl.float32)
        value = tl.where(mask, value - pivot[None, :], 0)
        sums += value
        squares += value * value
    count = (last - first).to(tl.float32)
    total = tl.sum(sums, 0)
    tl.store(part + row * channels + c, pivot + total / count, mask=live)
    tl.store(part + (rows + row) * channels + c, tl.sum(squares, 0) - total * total / count, mask=live)


@triton.jit
def norm_finish(
    part,
    running_mean,
    running_var,
    norm_weight,
    norm_bias,
    weight,  # (6, F/2, 3, 3)
    norm,  # out: (5, F), see below
    packed,  # out: (F, 32), the 27 taps of each channel, in the type of x
    pixels,
    channels,
    rows,
    chunk,
    splits,
    total,
    eps,
    batch: tl.constexpr,
    row_block: tl.constexpr,
    channel_block: tl.constexpr,
):
    """Statistics as (mean, variance, 1 / deviation, scale, shift) by channel, and the weight packed for products."""
    c = tl.program_id(0) * channel_block + tl.arange(0, channel_block)
    live = c < channels
    if batch:
        sums = tl.zeros((row_block, channel_block), tl.float32)
        for start in range(0, rows, row_block):
            row = start + tl.arange(0, row_block)
            mask = (row < rows)[:, None] & live[None, :]
            count = tl.minimum(chunk, pixels - (row % splits) * chunk).to(tl.float32)
            sums += count[:, None] * tl.load(part + row[:, None] * channels + c[None, :], mask=mask, other=0)
        mean = tl.sum(sums, 0) / total
        sums = tl.zeros((row_block, channel_block), tl.float32)
        for start in range(0, rows, row_block):
            row = start + tl.arange(0, row_block)
            mask = (row < rows)[:, None] & live[None, :]
            count = tl.minimum(chunk, pixels - (row % splits) * chunk).to(tl.float32)
            place = row[:, None] * channels + c[None, :]
            apart = tl.load(part + place, mask=mask, other=0) - mean[None, :]
            inner = tl.load(part + rows * channels + place, mask=mask, other=0)
            sums += tl.where(mask, inner + count[:, None] * apart * apart, 0)
        var = tl.sum(sums, 0) / total
    else:
        mean = tl.load(running_mean + c, mask=live, other=0).to(tl.float32)
        var = tl.load(running_var + c, mask=live, other=1).to(tl.float32)
    inverse = 1 / tl.sqrt_rn(var + eps)
    scale = tl.load(norm_weight + c, mask=live, other=0).to(tl.float32) * inverse
    tl.store(norm + c, mean, mask=live)
    tl.store(norm + channels + c, var, mask=live)
    tl.store(norm + 2 * channels + c, inverse, mask=live)
    tl.store(norm + 3 * channels + c, scale, mask=live)
    shift = tl.load(norm_bias + c, mask=live, other=0).to(tl.float32) - mean * scale
    tl.store(norm + 4 * channels + c, shift, mask=live)

    half = channels // 2
    tap = tl.arange(0, 32)
    plane = (c // half)[:, None] * 3 + (tap // 9)[None, :]
    source = (plane * half + (c % half)[:, None]) * 9 + (tap % 9)[None, :]
    value = tl.load(weight + source, mask=live[:, None] & (tap < 27)[None, :], other=0)
    tl.store(packed + c[:, None] * 32 + tap[None, :], value.to(packed.dtype.element_ty), mask=live[:, None])


@triton.jit
def gate_taps(
    x,
    norm,
    packed,
    taps,  # out: (frames, 2, 27, pixels)
    frame_stride,
    channel_stride,
    pixel_stride,
    pixels,
    channels,
    blocks,
    precision: tl.constexpr,
    pixel_block: tl.constexpr,
    channel_block: tl.constexpr,
):
    """relu(norm x) times the 27 taps, by pixel and group."""
    n = tl.program_id(0) // blocks
    group = tl.program_id(1)
    p = (tl.program_id(0) % blocks) * pixel_block + tl.arange(0, pixel_block)
    inside = p < pixels
    half = channels // 2
    tap = tl.arange(0, 32)
    base = x + n.to(tl.int64) * frame_stride + p * pixel_stride
    total = tl.zeros((pixel_block, 32), tl.float32)
    for start in range(0, half, channel_block):
        j = start + tl.arange(0, channel_block)
        live = j < half
        c = group * half + j
        scale = tl.load(norm + 3 * channels + c, mask=live, other=0)
        shift = tl.load(norm + 4 * channels + c, mask=live, other=0)
        mask = inside[:, None] & live[None, :]
        value = tl.load(base[:, None] + (c * channel_stride)[None, :], mask=mask, other=0)
        active = tl.maximum(value.to(tl.float32) * scale[None, :] + shift[None, :], 0).to(value.dtype)
        weight = tl.load(packed + c[:, None] * 32 + tap[None, :], mask=live[:, None], other=0)
        total = product(active, weight, total, precision)
    place = ((n * 2 + group) * 27 + tap).to(tl.int64) * pixels
    mask = inside[:, None] & (tap < 27)[None, :]
    tl.store(taps + place[None, :] + p[:, None], total.to(taps.dtype.element_ty), mask=mask)


@triton.jit
def gate_planes(
    taps,
    bias,
    gate,  # out: (frames, 2, pixels), float32
    time,
    height,
    width,
    pixel_block: tl.constexpr,
):
    """gate = tanh(bias + the taps, each from its own place); places outside the clip or the map count as zero."""
    n = tl.program_id(0)
    group = tl.program_id(1)
    pixels = height * width
    p = tl.program_id(2) * pixel_block + tl.arange(0, pixel_block)
    t, h, w = n % time, p // width, p % width
    total = tl.zeros((pixel_block,), tl.float32) + tl.load(bias + group).to(tl.float32)
    for tap in tl.static_range(27):
        dt, dh, dw = tap // 9 - 1, tap // 3 % 3 - 1, tap % 3 - 1
        inside = (t + dt >= 0) & (t + dt < time) & (h + dh >= 0) & (h + dh < height) & (w + dw >= 0) & (w + dw < width)
        place = (((n + dt) * 2 + group) * 27 + tap).to(tl.int64) * pixels
        total += tl.load(taps + place + p + dh * width + dw, mask=inside, other=0).to(tl.float32)
    # exactly 0 at 0, so that a zero gate moves nothing
    tl.store(gate + (n * 2 + group) * pixels + p, 2 * tl.sigmoid(2 * total) - 1, mask=p < pixels)
