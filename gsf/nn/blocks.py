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

    @property
    def frames(self) -> int:
        """How many they are."""
        clips, times = (range(part.start, part.stop) for part in (self.clips, self.times))
        return len(clips) * len(times)

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


def is_channels_last(x: Tensor) -> bool:
    """Whether the channels of `(N, C, H, W)` lie beside each other."""
    return not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)


def wide(x: Tensor) -> torch.dtype:
    """The dtype of sums over x."""
    return torch.promote_types(x.dtype, torch.float32)


class Scratch:
    """Two pieces of memory, each for what is computed of one block, in the memory format of x.

    They are taken once a pass: memory that is asked for anew at every step costs more than the step, since the system
    hands it out page by page.
    """

    def __init__(self, x: Tensor, body: Body) -> None:
        frame = body.processed * x.shape[-2] * x.shape[-1]
        most = max((b.frames for b in blocks(x, body)), default=0)
        self.channels_last = is_channels_last(x)
        self._memory = x.new_empty((2, most * frame))

    def like(self, part: Tensor, piece: int) -> Tensor:
        """Memory in the shape of `part`, `(b, t, channels..., P)`."""
        memory = self._memory[piece, : part.numel()]
        clips, time, *channels, pixels = part.shape
        if self.channels_last:
            return memory.view(clips, time, pixels, *channels).movedim(2, -1)
        return memory.view(part.shape)
