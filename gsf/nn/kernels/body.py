"""Triton programs behind the gate: pooling, fuse weights, and the pass that writes the output.

With y = g x and r = x - y, group 0 takes y of frame t+1 and group 1 that of frame t-1; a program walks through the
frames of a clip in the direction in which y moves, so that the frame it read last is the one that moves in.
Tiles of channels come in pairs, from the two halves of a group: interleaved they are one contiguous tile.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def pool(
    x,
    gate,
    part,  # out: (2, splits, frames, F): sums of g x and of x
    frame_stride,
    channel_stride,
    pixel_stride,
    pixels,
    channels,
    frames,
    chunk,
    splits,
    gated: tl.constexpr,
    pixel_block: tl.constexpr,
    channel_block: tl.constexpr,
):
    """Sums over a chunk of pixels, by frame and channel of one group."""
    n = tl.program_id(0) // splits
    split = tl.program_id(0) % splits
    half = channels // 2
    blocks = tl.cdiv(half, channel_block)
    group = tl.program_id(1) // blocks
    j = (tl.program_id(1) % blocks) * channel_block + tl.arange(0, channel_block)
    live = j < half
    c = group * half + j
    base = x + n.to(tl.int64) * frame_stride + c * channel_stride
    first = split * chunk
    last = tl.minimum(first + chunk, pixels)
    of_y = tl.zeros((pixel_block, channel_block), tl.float32)
    of_x = tl.zeros((pixel_block, channel_block), tl.float32)
    for start in range(first, last, pixel_block):
        p = start + tl.arange(0, pixel_block)
        inside = p < last
        mask = inside[:, None] & live[None, :]
        value = tl.load(base[None, :] + p[:, None] * pixel_stride, mask=mask, other=0).to(tl.float32)
        of_x += value
        if gated:
            of_y += value * tl.load(gate + (n * 2 + group) * pixels + p, mask=inside, other=0)[:, None]
    place = (split * frames + n) * channels + c
    sums = tl.sum(of_x, 0)
    tl.store(part + splits * frames * channels + place, sums, mask=live)
    if gated:
        sums = tl.sum(of_y, 0)
    tl.store(part + place, sums, mask=live)


@triton.jit
def pool_finish(
    part,
    means,  # out: (2, frames, F): means of y and of x
    pixels,
    channels,
    frames,
    splits,
    channel_block: tl.constexpr,
):
    """Means from the sums of the chunks."""
    n = tl.program_id(0)
    c = tl.program_id(1) * channel_block + tl.arange(0, channel_block)
    live = c < channels
    of_y = tl.zeros((channel_block,), tl.float32)
    of_x = tl.zeros((channel_block,), tl.float32)
    for split in range(splits):
        place = (split * frames + n) * channels + c
        of_y += tl.load(part + place, mask=live, other=0)
        of_x += tl.load(part + splits * frames * channels + place, mask=live, other=0)
    tl.store(means + n * channels + c, of_y / pixels, mask=live)
    tl.store(means + (frames + n) * channels + c, of_x / pixels, mask=live)


@triton.jit
def shifted_means(means, n, t, j, group, inside, time, channels, frames):
    """Means of shifted y and of r at frame n, which is frame t of its clip, and channels j of the group."""
    c = group * (channels // 2) + j
    ahead = 1 - 2 * group  # y comes from the next frame in group 0, from the one before in group 1
    arrives = inside & (t + ahead >= 0) & (t + ahead < time)
    moved = tl.load(means + (n + ahead) * channels + c, mask=arrives, other=0)
    of_y = tl.load(means + n * channels + c, mask=inside, other=0)
    of_x = tl.load(means + (frames + n) * channels + c, mask=inside, other=0)
    return moved, of_x - of_y


@triton.jit
def fuse_weights(
    means,
    kernel,  # (2 groups, 2, 3, 3)
    bias,
    weights,  # out: (frames, F)
    time,
    channels,
    frames,
    channel_block: tl.constexpr,
):
    """w = sigmoid of the 3x3 convolution over the (channel, time) plane of the two means of a group."""
    n = tl.program_id(0)
    half = channels // 2
    blocks = tl.cdiv(half, channel_block)
    group = tl.program_id(1) // blocks
    j = (tl.program_id(1) % blocks) * channel_block + tl.arange(0, channel_block)
    t = n % time
    total = tl.zeros((channel_block,), tl.float32) + tl.load(bias + group).to(tl.float32)
    for tap in tl.static_range(9):
        dc, dt = tap // 3 - 1, tap % 3 - 1
        inside = (j + dc >= 0) & (j + dc < half) & (t + dt >= 0) & (t + dt < time)
        moved, stayed = shifted_means(means, n + dt, t + dt, j + dc, group, inside, time, channels, frames)
        total += moved * tl.load(kernel + group * 18 + tap).to(tl.float32)
        total += stayed * tl.load(kernel + group * 18 + 9 + tap).to(tl.float32)
    tl.store(weights + n * channels + group * half + j, tl.sigmoid(total), mask=j < half)


@triton.jit
def load_mixed(
    base,
    p,
    inside,
    block,
    group,
    half,
    channel_stride,
    pixel_stride,
    mixed: tl.constexpr,
    joined: tl.constexpr,
    width: tl.constexpr,
):
    """Two tiles of a map in the order of the output, as those of the two halves of a group, in float32.

    Channel `2j + i` of the map's group is `i * F/4 + j` of x if it is `mixed`. `joined`: as one contiguous tile.
    """
    quarter = half // 2
    if joined:
        o = block * (2 * width) + tl.arange(0, 2 * width)
        place = base + p[:, None] * pixel_stride + ((group * half + o) * channel_stride)[None, :]
        both = tl.load(place, mask=inside[:, None] & (o < half)[None, :], other=0).to(tl.float32)
        first, second = tl.split(tl.reshape(both, (p.shape[0], width, 2)))
    else:
        j = block * width + tl.arange(0, width)
        mask = inside[:, None] & (j < quarter)[None, :]
        step: tl.constexpr = 2 if mixed else 1
        apart = 1 if mixed else quarter
        place = base + p[:, None] * pixel_stride + ((group * half + step * j) * channel_stride)[None, :]
        first = tl.load(place, mask=mask, other=0).to(tl.float32)
        second = tl.load(place + apart * channel_stride, mask=mask, other=0).to(tl.float32)
    return first, second


@triton.jit
def store_mixed(
    base,
    first,
    second,
    p,
    inside,
    block,
    group,
    half,
    channel_stride,
    pixel_stride,
    mixed: tl.constexpr,
    joined: tl.constexpr,
    width: tl.constexpr,
):
    """The other way round: two tiles of x's order into a map in the order of the output."""
    quarter = half // 2
    kind = base.dtype.element_ty
    if joined:
        o = block * (2 * width) + tl.arange(0, 2 * width)
        place = base + p[:, None] * pixel_stride + ((group * half + o) * channel_stride)[None, :]
        mask = inside[:, None] & (o < half)[None, :]
        tl.store(place, tl.interleave(first, second).to(kind), mask=mask)
    else:
        j = block * width + tl.arange(0, width)
        mask = inside[:, None] & (j < quarter)[None, :]
        step: tl.constexpr = 2 if mixed else 1
        apart = 1 if mixed else quarter
        place = base + p[:, None] * pixel_stride + ((group * half + step * j) * channel_stride)[None, :]
        tl.store(place, first.to(kind), mask=mask)
        tl.store(place + apart * channel_stride, second.to(kind), mask=mask)


@triton.jit
def copy_clip(source, target, first_frame, time, p, inside, c, live, frame_stride, channel_stride, pixel_stride):
    """Channels c of a clip, as they are."""
    mask = inside[:, None] & live[None, :]
    place = p[:, None] * pixel_stride + (c * channel_stride)[None, :]
    for t in range(time):
        start = (first_frame + t).to(tl.int64) * frame_stride
        tl.store(target + start + place, tl.load(source + start + place, mask=mask, other=0), mask=mask)


@triton.jit
def write_output(
    x,
    gate,
    weights,
    out,
    frame_stride,
    channel_stride,
    pixel_stride,
    pixels,
    all_channels,
    channels,
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
    """out = factor (w y, moved, + (1 - w) r), interleaved; further programs copy the channels that take no part."""
    first_frame = (tl.program_id(0) // blocks) * time
    p = (tl.program_id(0) % blocks) * pixel_block + tl.arange(0, pixel_block)
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
        place = p[:, None] * pixel_stride + ((group * half + j) * channel_stride)[None, :]
        coming_a = tl.zeros((pixel_block, width), tl.float32)
        coming_b = tl.zeros((pixel_block, width), tl.float32)
        for step in range(time):
            t = tl.where(group == 1, step, time - 1 - step)
            n = first_frame + t
            start = n.to(tl.int64) * frame_stride
            a = tl.load(x + start + place, mask=mask, other=0).to(tl.float32)
            b = tl.load(x + start + place + quarter * channel_stride, mask=mask, other=0).to(tl.float32)
            if gated:
                plane = tl.load(gate + (n * 2 + group) * pixels + p, mask=inside, other=0)[:, None]
                moving_a, moving_b = a * plane, b * plane
            else:
                moving_a, moving_b = a, b
            if fused:
                row = weights + n * channels + group * half + j
                w_a = tl.load(row, mask=live, other=0)[None, :]
                w_b = tl.load(row + quarter, mask=live, other=0)[None, :]
                out_a = factor * (w_a * coming_a + (1 - w_a) * (a - moving_a))
                out_b = factor * (w_b * coming_b + (1 - w_b) * (b - moving_b))
            else:
                out_a = coming_a + (a - moving_a)
                out_b = coming_b + (b - moving_b)
            store_mixed(
                out + start,
                out_a,
                out_b,
                p,
                inside,
                block,
                group,
                half,
                channel_stride,
                pixel_stride,
                mixed,
                joined,
                width,
            )
            coming_a, coming_b = moving_a, moving_b
    else:
        c = channels + (number - 2 * per_group) * 2 * width + tl.arange(0, 2 * width)
        copy_clip(x, out, first_frame, time, p, inside, c, c < all_channels, frame_stride, channel_stride, pixel_stride)
