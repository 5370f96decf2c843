"""Which clips make up a step, and which of them a process computes in which part.

A step is `batch_size` clips, however many processes share it. They are cut into equal pieces, one for each part of each
process:

    step of 10 clips, 2 processes, accumulate 2      process 0: [0 1 2] [3 4 5]   process 1: [6 7] [8 9]

The last step of an epoch holds what is left, cut into as many pieces if it can be; its gradient is the mean over that.
Where it has fewer clips than there are processes, a process without any computes the first clip once more, and it does
not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from gsf.data.clips import epoch_order

Position = tuple[int, int]  # epoch and sample, as `TrainingClips` takes them


@dataclass(frozen=True)
class Piece:
    """What one forward pass computes."""

    positions: list[Position]
    number: int  # among all pieces of the step: from it follows what is random
    counts: bool  # False: computed only so that all processes do the same


@dataclass(frozen=True)
class Step:
    """One step of the optimizer, as one process sees it."""

    epoch: int
    number: int  # in its epoch
    clips: int  # of all processes
    pieces: list[Piece]  # of this process; as many in every other


@dataclass(frozen=True)
class Batches:
    """The steps of a whole training."""

    num_videos: int
    batch_size: int
    accumulate: int
    epochs: int
    seed: int
    rank: int = 0
    processes: int = 1

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.num_videos // self.batch_size)

    @property
    def largest_piece(self) -> int:
        """Clips of one forward pass, at most."""
        return -(-self.batch_size // (self.processes * self.accumulate))

    def steps(self, *, epoch: int, after: int = 0) -> Iterator[Step]:
        """The steps of one epoch, without the first `after`."""
        order = epoch_order(self.num_videos, seed=self.seed, epoch=epoch)
        for number in range(after, self.steps_per_epoch):
            clips = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield Step(epoch=epoch, number=number, clips=len(clips), pieces=self._own(clips))

    def all_steps(self, *, epoch: int, after: int = 0) -> Iterator[Step]:
        """The steps from one in the middle of an epoch to the end of the training."""
        for later in range(epoch, self.epochs):
            yield from self.steps(epoch=later, after=after if later == epoch else 0)

    def _own(self, clips: list[Position]) -> list[Piece]:
        wanted = min(len(clips), self.processes * self.accumulate)
        parts = -(-wanted // self.processes)
        pieces = _even(clips, self.processes * parts)
        return [
            Piece(positions=pieces[number] or clips[:1], number=number, counts=bool(pieces[number]))
            for number in range(self.rank * parts, (self.rank + 1) * parts)
        ]


def _even(clips: list[Position], count: int) -> list[list[Position]]:
    """`count` runs of clips whose lengths differ by one at most, the longer ones first."""
    short, longer = divmod(len(clips), count)
    cuts = [number * short + min(number, longer) for number in range(count + 1)]
    return [clips[begin:end] for begin, end in pairwise(cuts)]
