"""A feature map cut into blocks of frames, and the views of it that GSM and GSF compute on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ._clips import unflatten

# Values of a block. Two or three blocks should fit into the cache of a core, and one be worth the calls it takes.
BLOCK = 2**19
# The groups: the first takes frame t+1, the second frame t-1.
FIRST, SECOND, BOTH = slice(0, 1), slice(1, 2), slice(0, 2)


@dataclass(frozen=True)
class Body:
    """What does not change from call to call."""

    time: int  # frames T of a clip
    processed: int  # channels F that take part
    scale: float  # factor of the fuse weights
    interleave: bool  # mix the halves of each group


@dataclass(frozen=True)
class Block:
    """Some frames of one clip, or several whole clips."""

    clips: slice
    times: slice
    end: int  # frames T of a clip

    def shifted(self, group: slice) -> tuple[Block, Block]:
        """Frames of this block that receive something moved, and those it comes from: t+1 (first group) or t-1."""
        step = 1 if group == FIRST else -1
        first, last = max(self.times.start, -step), min(self.times.stop, self.end - step)
        last = max(first, last)
        return self._at(first, last), self._at(first + step, last + step)

    def within(self, other: Block) -> slice:
        """Where the frames of this block lie within `other`."""
        return slice(self.times.start - other.times.start, self.times.stop - other.times.start)

    def of(self, x: Tensor) -> Tensor:
        """This block of `(B, T, ...)`."""
        return x[self.clips, self.times]

    def _at(self, first: int, last: int) -> Block:
        return Block(self.clips, slice(first, last), self.end)


def blocks(x: Tensor, body: Body) -> Iterator[Block]:
    """Cut `(B*T, C, H, W)` into blocks; on a GPU, where a call costs more than memory, into one."""
    frame = body.processed * x.shape[-2] * x.shape[-1]
    clips, frames = x.shape[0] // body.time, max(1, BLOCK // max(frame, 1))
    if x.device.type != "cpu":
        frames = x.shape[0]
    if frames >= body.time:
        step = frames // body.time
        for first in range(0, clips, step):
            yield Block(slice(first, min(first + step, clips)), slice(0, body.time), body.time)
        return
    for clip in range(clips):
        for first in range(0, body.time, frames):
            yield Block(slice(clip, clip + 1), slice(first, min(first + frames, body.time)), body.time)


def frames(x: Tensor, body: Body) -> Tensor:
    """View the channels of `(B*T, C, H, W)` that take part as `(B, T, F, P)` with P = H*W pixels."""
    return unflatten(x[:, : body.processed].flatten(2), 0, (-1, body.time))


def halves(x: Tensor, *, interleaved: bool = False) -> Tensor:
    """View `(B, T, F, P)` as `(B, T, 2 groups, 2 halves, F/4, P)`.

    Interleaved channel `2j + i` of a group is what `i * F/4 + j` was.
    """
    quarter = x.shape[2] // 4
    if interleaved:
        return unflatten(x, 2, (2, quarter, 2)).transpose(3, 4)
    return unflatten(x, 2, (2, 2, quarter))


def shuffled(x: Tensor, parts: int) -> Tensor:
    """`(b, t, 2, 2, F/4, P)`, channels beside each other, with those of each group reordered: `(b, t, 2, F/2, P)`.

    Channel `i * (F/2 / parts) + j` of a group, i below `parts`, becomes its channel `parts * j + i`. torch's shuffle
    has a kernel for channels that lie beside each other; the groups are pixels to it.
    """
    clips, time, _, _, quarter, pixels = x.shape
    beside = x.permute(0, 1, 5, 2, 3, 4).reshape(clips * time, pixels * 2, 1, 2 * quarter).permute(0, 3, 1, 2)
    out = torch.native_channel_shuffle(beside, parts).permute(0, 2, 3, 1)
    return out.reshape(clips, time, pixels, 2, 2 * quarter).permute(0, 1, 3, 4, 2)


def is_channels_last(x: Tensor) -> bool:
    """Whether the channels of `(N, C, H, W)` lie beside each other."""
    return not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)


def wide(x: Tensor) -> torch.dtype:
    """The dtype of sums over x."""
    return torch.promote_types(x.dtype, torch.float32)
