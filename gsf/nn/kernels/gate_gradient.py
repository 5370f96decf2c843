"""Triton programs of the gradient of the gate, and the pass that writes the gradient of x.

What a tap of the convolution sends back to a pixel is the gradient before tanh at a shifted place; 27 of them, with the
packed weight, give the gradient of relu(norm x) as one product. It is computed twice, once for the sums that batch norm
and the weight need, once where it is used, because storing it would cost a map.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .body import copy_clip, load_mixed
from .gate import product


@triton.jit
def plane_gradient(
    x,
    gate,
    gate_part,
    of_means,
    of_plane,  # out: (frames, 2, pixels): gradient before tanh
    frame_stride,
    channel_stride,
    pixel_stride,
    pixels,
    channels,
    frames,
    blocks,
    parts,
    fused: tl.constexpr,
    pixel_block: tl.constexpr,
    channel_block: tl.constexpr,
):
    """Adds what reaches the gate by way of the pooled y, and goes back through tanh."""
    n = tl.program_id(0) // blocks
    group = tl.program_id(1)
    p = (tl.program_id(0) % blocks) * pixel_block + tl.arange(0, pixel_block)
    inside = p < pixels
    half = channels // 2
    total = tl.zeros((pixel_block,), tl.float32)
    for number in range(parts):
        row = ((number * frames + n) * 2 + group).to(tl.int64) * pixels
        total += tl.load(gate_part + row + p, mask=inside, other=0)
    if fused:
        base = x + n.to(tl.int64) * frame_stride + p * pixel_stride
        sums = tl.zeros((pixel_block, channel_block), tl.float32)
        for start in range(0, half, channel_block):
            j = start + tl.arange(0, channel_block)
            c = group * half + j
            mask = inside[:, None] & (j < half)[None, :]
            value = tl.load(base[:, None] + (c * channel_stride)[None, :], mask=mask, other=0).to(tl.float32)
            sums += value * tl.load(of_means + n * channels + c, mask=j < half, other=0)[None, :]
        total += tl.sum(sums, 1)
    row = (n * 2 + group) * pixels + p
    value = tl.load(gate + row, mask=inside, other=0)
    tl.store(of_plane + row, total * (1 - value * value), mask=inside)


@triton.jit
def taps_back(of_plane, n, group, p, inside, time, height, width):
    """(pixels, 32): the gradient before tanh at the places that read this pixel, one for each of 27 taps."""
    tap = tl.arange(0, 32)
    dt, dh, dw = tap // 9 - 1, tap // 3 % 3 - 1, tap % 3 - 1
    t = n % time - dt
    h = (p // width)[:, None] - dh[None, :]
    w = (p % width)[:, None] - dw[None, :]
    mask = inside[:, None] & ((tap < 27) & (t >= 0) & (t < time))[None, :]
    mask = mask & (h >= 0) & (h < height) & (w >= 0) & (w < width)
    place = (((n - dt) * 2 + group) * (height * width))[None, :] + h * width + w
    return tl.load(of_plane + place, mask=mask, other=0)


@triton.jit
def weight_gradient(
    x,
    norm,
    packed,
    of_plane,
    part,  # out: (splits, F, 32): 27 of the weight, then the sums of the gradient before batch norm, alone and by x
    frame_stride,
    channel_stride,
    pixel_stride,
    channels,
    frames,
    time,
    height,
    width,
    chunk,
    precision: tl.constexpr,
    kind: tl.constexpr,
    pixel_block: tl.constexpr,
    channel_block: tl.constexpr,
):
    """Sums over some of the frames: (channels, pixels) times (pixels, 27), and those of batch norm."""
    half = channels // 2
    blocks = tl.cdiv(half, channel_block)
    group = tl.program_id(1) // blocks
    j = (tl.program_id(1) % blocks) * channel_block + tl.arange(0, channel_block)
    live = j < half
    c = group * half + j
    pixels = height * width
    tap = tl.arange(0, 32)
    mean = tl.load(norm + c, mask=live, other=0)
    inverse = tl.load(norm + 2 * channels + c, mask=live, other=0)
    scale = tl.load(norm + 3 * channels + c, mask=live, other=0)
    shift = tl.load(norm + 4 * channels + c, mask=live, other=0)
    weight = tl.load(packed + c[None, :] * 32 + tap[:, None], mask=live[None, :], other=0).to(kind)
    total = tl.zeros((channel_block, 32), tl.float32)
    alone = tl.zeros((pixel_block, channel_block), tl.float32)
    by_x = tl.zeros((pixel_block, channel_block), tl.float32)
    tiles = tl.cdiv(pixels, pixel_block)
    first = tl.program_id(0) * chunk
    for tile in range(first * tiles, tl.minimum(first + chunk, frames) * tiles):
        n = tile // tiles
        p = (tile % tiles) * pixel_block + tl.arange(0, pixel_block)
        inside = p < pixels
        mask = inside[:, None] & live[None, :]
        place = n.to(tl.int64) * frame_stride + p[:, None] * pixel_stride + (c * channel_stride)[None, :]
        value = tl.load(x + place, mask=mask, other=0)
        wide = value.to(tl.float32)
        before = wide * scale[None, :] + shift[None, :]
        active = tl.maximum(before, 0).to(value.dtype).to(kind)
        back = taps_back(of_plane, n, group, p, inside, time, height, width).to(kind)
        total = product(tl.trans(active), back, total, precision)
        of_active = product(back, weight, tl.zeros((pixel_block, channel_block), tl.float32), precision)
        of_norm = tl.where(before > 0, of_active, 0)
        alone += of_norm
        by_x += of_norm * (wide - mean[None, :]) * inverse[None, :]
    row = part + (tl.program_id(0) * channels + c) * 32
    tl.store(row[:, None] + tap[None, :], total, mask=live[:, None] & (tap < 27)[None, :])
    tl.store(row + 27, tl.sum(alone, 0), mask=live)
    tl.store(row + 28, tl.sum(by_x, 0), mask=live)


@triton.jit
def norm_gradient(
    part,
    norm,
    of_weight,  # out: (6, F/2, 3, 3)
    of_scale,  # out: (F,): of batch norm's weight
    of_shift,  # out: (F,): of its bias
    back,  # out: (2, F): what batch statistics add to the gradient of x, by x and alone
    channels,
    splits,
    count,
    batch: tl.constexpr,
    channel_block: tl.constexpr,
):
    """Adds the parts, and spreads the gradients."""
    c = tl.program_id(0) * channel_block + tl.arange(0, channel_block)
    live = c < channels
    half = channels // 2
    tap = tl.arange(0, 32)
    total = tl.zeros((channel_block, 32), tl.float32)
    alone = tl.zeros((channel_block,), tl.float32)
    by_x = tl.zeros((channel_block,), tl.float32)
    for split in range(splits):
        row = part + (split * channels + c) * 32
        total += tl.load(row[:, None] + tap[None, :], mask=live[:, None] & (tap < 27)[None, :], other=0)
        alone += tl.load(row + 27, mask=live, other=0)
        by_x += tl.load(row + 28, mask=live, other=0)
    plane = (c // half)[:, None] * 3 + (tap // 9)[None, :]
    target = (plane * half + (c % half)[:, None]) * 9 + (tap % 9)[None, :]
    tl.store(of_weight + target, total, mask=live[:, None] & (tap < 27)[None, :])
    tl.store(of_scale + c, by_x, mask=live)
    tl.store(of_shift + c, alone, mask=live)
    if batch:
        mean = tl.load(norm + c, mask=live, other=0)
        inverse = tl.load(norm + 2 * channels + c, mask=live, other=0)
        scale = tl.load(norm + 3 * channels + c, mask=live, other=0)
        slope = -scale * inverse * by_x / count
        tl.store(back + c, slope, mask=live)
        tl.store(back + channels + c, -scale * alone / count - slope * mean, mask=live)
    else:
        tl.store(back + c, tl.zeros_like(by_x), mask=live)
        tl.store(back + channels + c, tl.zeros_like(by_x), mask=live)


@triton.jit
def through_norm(value, back, norm, packed, extra, c, live, channels, precision: tl.constexpr, kind: tl.constexpr):
    """What the gate sends back to x, for one tile."""
    tap = tl.arange(0, 32)
    scale = tl.load(norm + 3 * channels + c, mask=live, other=0)[None, :]
    shift = tl.load(norm + 4 * channels + c, mask=live, other=0)[None, :]
    slope = tl.load(extra + c, mask=live, other=0)[None, :]
    constant = tl.load(extra + channels + c, mask=live, other=0)[None, :]
    weight = tl.load(packed + c[None, :] * 32 + tap[:, None], mask=live[None, :], other=0).to(kind)
    of_active = product(back, weight, tl.zeros(value.shape, tl.float32), precision)
    return scale * tl.where(value * scale + shift > 0, of_active, 0) + slope * value + constant


@triton.jit
def write_gradient(
    x,
    grad,
    gate,
    weights,
    of_means,
    of_plane,
    norm,
    packed,
    extra,
    of_x,
    frame_stride,
    channel_stride,
    pixel_stride,
    all_channels,
    channels,
    frames,
    time,
    height,
    width_,
    blocks,
    factor,
    gated: tl.constexpr,
    fused: tl.constexpr,
    mixed: tl.constexpr,
    joined: tl.constexpr,
    precision: tl.constexpr,
    kind: tl.constexpr,
    pixel_block: tl.constexpr,
    width: tl.constexpr,
):
    """of_x = g of_y + (1 - g) of_r, what the pooling adds, and what the gate sends back."""
    first_frame = (tl.program_id(0) // blocks) * time
    p = (tl.program_id(0) % blocks) * pixel_block + tl.arange(0, pixel_block)
    pixels = height * width_
    inside = p < pixels
    half = channels // 2
    quarter = half // 2
    per_group = tl.cdiv(quarter, width)
    number = tl.program_id(1)
    if number < 2 * per_group:
        group = number // per_group
        block = number % per_group
        j = block * width + tl.arange(0, width)
        live = j < quarter
        mask = inside[:, None] & live[None, :]
        c = group * half + j
        place = p[:, None] * pixel_stride + (c * channel_stride)[None, :]
        went_a = tl.zeros((pixel_block, width), tl.float32)  # factor w d of the frame that y went to
        went_b = tl.zeros((pixel_block, width), tl.float32)
        for step in range(time):
            t = tl.where(group == 0, step, time - 1 - step)
            n = first_frame + t
            start = n.to(tl.int64) * frame_stride
            d_a, d_b = load_mixed(
                grad + start, p, inside, block, group, half, channel_stride, pixel_stride, mixed, joined, width
            )
            of_y_a, of_y_b, of_r_a, of_r_b = went_a, went_b, factor * d_a, factor * d_b
            went_a, went_b = of_r_a, of_r_b
            if fused:
                row = weights + n * channels + c
                w_a = tl.load(row, mask=live, other=0)[None, :]
                w_b = tl.load(row + quarter, mask=live, other=0)[None, :]
                went_a, went_b = w_a * of_r_a, w_b * of_r_b
                of_r_a, of_r_b = of_r_a - went_a, of_r_b - went_b
                row = of_means + n * channels + c
                of_y_a += tl.load(row, mask=live, other=0)[None, :]
                of_y_b += tl.load(row + quarter, mask=live, other=0)[None, :]
            if gated:
                plane = tl.load(gate + (n * 2 + group) * pixels + p, mask=inside, other=0)[:, None]
                of_a, of_b = of_r_a + plane * (of_y_a - of_r_a), of_r_b + plane * (of_y_b - of_r_b)
            else:
                of_a, of_b = of_y_a, of_y_b
            if fused:
                row = of_means + (frames + n) * channels + c
                of_a += tl.load(row, mask=live, other=0)[None, :]
                of_b += tl.load(row + quarter, mask=live, other=0)[None, :]
            if gated:
                a = tl.load(x + start + place, mask=mask, other=0).to(tl.float32)
                b = tl.load(x + start + place + quarter * channel_stride, mask=mask, other=0).to(tl.float32)
                back = taps_back(of_plane, n, group, p, inside, time, height, width_).to(kind)
                of_a += through_norm(a, back, norm, packed, extra, c, live, channels, precision, kind)
                of_b += through_norm(b, back, norm, packed, extra, c + quarter, live, channels, precision, kind)
            of = of_x.dtype.element_ty
            tl.store(of_x + start + place, of_a.to(of), mask=mask)
            tl.store(of_x + start + place + quarter * channel_stride, of_b.to(of), mask=mask)
    else:
        other = channels + (number - 2 * per_group) * 2 * width + tl.arange(0, 2 * width)
        copy_clip(
            grad,
            of_x,
            first_frame,
            time,
            p,
            inside,
            other,
            other < all_channels,
            frame_stride,
            channel_stride,
            pixel_stride,
        )
