"""Triton programs of the gradient behind the gate.

With d the gradient of the output (a zero frame where none is), moved against the direction of y, so that of the frame
that y went to:

    of_y = factor w d, both of that frame        of_r = factor (1 - w) d

A program walks through a clip against the direction of y. The gradient of w, and what reaches the gate, follow from
products of x with d of both frames, read once; what the pooling adds is one vector a frame.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .body import load_mixed, shifted_means


@triton.jit
def products(
    x,
    grad,
    gate,
    weights,
    part,  # out: (2, blocks, frames, F): sums over pixels of d y and of d r, at the frame of y and r
    gate_part,  # out: (blocks of channels of a group, frames, 2, pixels): sums over channels of x (of_y - of_r)
    frame_stride,
    channel_stride,
    pixel_stride,
    pixels,
    channels,
    frames,
    time,
    blocks,
    factor,
    gated: tl.constexpr,
    fused: tl.constexpr,
    mixed: tl.constexpr,
    joined: tl.constexpr,
    pixel_block: tl.constexpr,
    width: tl.constexpr,
):
    """Sums of the products of x and d over pixels and over channels."""
    clip = tl.program_id(0) // blocks
    pixel_number = tl.program_id(0) % blocks
    p = pixel_number * pixel_block + tl.arange(0, pixel_block)
    inside = p < pixels
    half = channels // 2
    quarter = half // 2
    per_group = tl.cdiv(quarter, width)
    group = tl.program_id(1) // per_group
    block = tl.program_id(1) % per_group
    j = block * width + tl.arange(0, width)
    live = j < quarter
    mask = inside[:, None] & live[None, :]
    c = group * half + j
    place = p[:, None] * pixel_stride + (c * channel_stride)[None, :]
    went_a = tl.zeros((pixel_block, width), tl.float32)
    went_b = tl.zeros((pixel_block, width), tl.float32)
    went_w_a = tl.zeros((width,), tl.float32)
    went_w_b = tl.zeros((width,), tl.float32)
    for step in range(time):
        t = tl.where(group == 0, step, time - 1 - step)
        n = clip * time + t
        start = n.to(tl.int64) * frame_stride
        a = tl.load(x + start + place, mask=mask, other=0).to(tl.float32)
        b = tl.load(x + start + place + quarter * channel_stride, mask=mask, other=0).to(tl.float32)
        d_a, d_b = load_mixed(
            grad + start, p, inside, block, group, half, channel_stride, pixel_stride, mixed, joined, width
        )
        to_y_a, to_y_b, to_r_a, to_r_b = a * went_a, b * went_b, a * d_a, b * d_b
        if fused:
            w_a = tl.load(weights + n * channels + c, mask=live, other=0)
            w_b = tl.load(weights + n * channels + c + quarter, mask=live, other=0)
            if gated:
                plane = tl.load(gate + (n * 2 + group) * pixels + p, mask=inside, other=0)[:, None]
                y_a, y_b = to_y_a * plane, to_y_b * plane
                r_a, r_b = to_r_a - to_r_a * plane, to_r_b - to_r_b * plane
            else:
                y_a, y_b, r_a, r_b = to_y_a, to_y_b, tl.zeros_like(a), tl.zeros_like(b)
            row = part + (pixel_number * frames + n) * channels + c
            tl.store(row, tl.sum(y_a, 0), mask=live)
            tl.store(row + quarter, tl.sum(y_b, 0), mask=live)
            row += blocks * frames * channels
            tl.store(row, tl.sum(r_a, 0), mask=live)
            tl.store(row + quarter, tl.sum(r_b, 0), mask=live)
            if gated:
                difference = went_w_a[None, :] * to_y_a - (1 - w_a)[None, :] * to_r_a
                difference += went_w_b[None, :] * to_y_b - (1 - w_b)[None, :] * to_r_b
            went_w_a, went_w_b = w_a, w_b
        else:
            difference = (to_y_a - to_r_a) + (to_y_b - to_r_b)
        if gated:
            row = gate_part + ((block * frames + n) * 2 + group).to(tl.int64) * pixels
            tl.store(row + p, factor * tl.sum(difference, 1), mask=inside)
        went_a, went_b = d_a, d_b


@triton.jit
def logit_gradient(
    part,
    weights,
    of_logit,  # out: (frames, F)
    channels,
    frames,
    time,
    blocks,
    factor,
    channel_block: tl.constexpr,
):
    """d out / d logit = factor w (1 - w) (moved y - r), summed over pixels; d y stands at the frame y came from."""
    n = tl.program_id(0)
    c = tl.program_id(1) * channel_block + tl.arange(0, channel_block)
    live = c < channels
    ahead = tl.where(c < channels // 2, 1, -1)
    arrives = live & (n % time + ahead >= 0) & (n % time + ahead < time)
    of_y = tl.zeros((channel_block,), tl.float32)
    of_r = tl.zeros((channel_block,), tl.float32)
    for block in range(blocks):
        row = (block * frames + n).to(tl.int64)
        of_y += tl.load(part + (row + ahead) * channels + c, mask=arrives, other=0)
        of_r += tl.load(part + (row + blocks * frames) * channels + c, mask=live, other=0)
    w = tl.load(weights + n * channels + c, mask=live, other=0)
    tl.store(of_logit + n * channels + c, factor * w * (1 - w) * (of_y - of_r), mask=live)


@triton.jit
def spread_logits(of_logit, kernel, which: tl.constexpr, n, t, j, group, exists, time, channels):
    """Gradient of input `which` of the fuse convolution, at frame n and channels j of the group."""
    half = channels // 2
    total = tl.zeros(j.shape, tl.float32)
    for tap in tl.static_range(9):
        dc, dt = tap // 3 - 1, tap % 3 - 1
        inside = exists & (j - dc >= 0) & (j - dc < half) & (t - dt >= 0) & (t - dt < time)
        value = tl.load(of_logit + (n - dt) * channels + group * half + j - dc, mask=inside, other=0)
        total += value * tl.load(kernel + group * 18 + which * 9 + tap).to(tl.float32)
    return total


@triton.jit
def fuse_gradient(
    of_logit,
    means,
    kernel,
    of_means,  # out: (2, frames, F): gradients of the sums of y and of x, by way of the fuse weights
    part,  # out: (frames, blocks of channels, 2 groups, 19): 18 of the kernel, 1 of the bias
    pixels,
    channels,
    frames,
    time,
    channel_block: tl.constexpr,
):
    """Gradients of the inputs of the fuse convolution and, by frame and block, of its weights."""
    n = tl.program_id(0)
    half = channels // 2
    blocks = tl.cdiv(half, channel_block)
    group = tl.program_id(1) // blocks
    block = tl.program_id(1) % blocks
    j = block * channel_block + tl.arange(0, channel_block)
    live = j < half
    t = n % time
    ahead = 1 - 2 * group
    # y of this frame was counted by the frame it moved to
    exists = live & (t - ahead >= 0) & (t - ahead < time)
    of_moved = spread_logits(of_logit, kernel, 0, n - ahead, t - ahead, j, group, exists, time, channels)
    of_stayed = spread_logits(of_logit, kernel, 1, n, t, j, group, live, time, channels)
    row = of_means + n * channels + group * half + j
    tl.store(row, (of_moved - of_stayed) / pixels, mask=live)
    tl.store(row + frames * channels, of_stayed / pixels, mask=live)

    value = tl.load(of_logit + n * channels + group * half + j, mask=live, other=0)
    sums = part + ((n * blocks + block) * 2 + group) * 19
    for tap in tl.static_range(9):
        dc, dt = tap // 3 - 1, tap % 3 - 1
        inside = live & (j + dc >= 0) & (j + dc < half) & (t + dt >= 0) & (t + dt < time)
        moved, stayed = shifted_means(means, n + dt, t + dt, j + dc, group, inside, time, channels, frames)
        tl.store(sums + tap, tl.sum(value * moved, 0))
        tl.store(sums + 9 + tap, tl.sum(value * stayed, 0))
    tl.store(sums + 18, tl.sum(value, 0))
