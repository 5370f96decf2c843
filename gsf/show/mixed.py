"""Which clip of its batch each clip of a sheet is mixed with: the very draws of a training.

They follow from the step and its pieces, so the batches are those of the training loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from gsf.data.augment.boxes import Box
from gsf.data.augment.mixing import BatchMix, draw_mix
from gsf.params.recipe import Recipe
from gsf.train.batches import Batches, Piece


@dataclass(frozen=True)
class Mix:
    """How one clip is mixed: it keeps `share` of itself, the rest is of row `partner` in the same epoch."""

    partner: int
    share: float  # 0 .. 1
    box: Box | None  # CutMix: what comes from the partner; None: mixup

    def __call__(self, clip: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Two clips `(T, 3, H, W)` uint8 to one; a mixup, which trainings see in floats, is rounded."""
        pair = torch.stack([clip, other])
        drawn = BatchMix((1, 0), self.share, self.box)
        return drawn.mix(pair if self.box is not None else pair.float())[0].round().to(torch.uint8)

    def in_words(self, partner: str) -> str:
        """What was done, with the partner's id."""
        if self.box is None:
            return f"mixup: {1 - self.share:.2f} of {partner}"
        box = self.box
        return f"CutMix: box {box.width} x {box.height} at x {box.left}, y {box.top} of {partner}"


def find_mixes(
    recipe: Recipe, rows: Iterable[int], *, num_videos: int, size: int, seed: int, epoch: int, devices: int
) -> dict[int, Mix]:
    """How each of these rows is mixed in an epoch; one whose batch is left as it is has no entry.

    Args:
        recipe: of the training.
        rows: of the training split.
        num_videos: of that split.
        size: side of the clips, px.
        seed: of the training.
        epoch: counted from 0.
        devices: processes that share the training: each mixes the clips of its own pieces.
    """
    wanted = set(rows)
    found: dict[int, Mix] = {}
    for step, piece in _pieces(recipe, num_videos=num_videos, seed=seed, epoch=epoch, devices=devices):
        members = [row for _, row in piece.positions]
        if not (piece.counts and wanted.intersection(members)):
            continue
        drawn = draw_mix(
            recipe.augment.mixing,
            batch_size=len(members),
            height=size,
            width=size,
            seed=seed,
            step=step,
            part=piece.number,
        )
        if drawn is not None:
            for row, partner in zip(members, drawn.partners, strict=True):
                if row in wanted:
                    found[row] = Mix(members[partner], drawn.share, drawn.box)
    return found


def _pieces(recipe: Recipe, *, num_videos: int, seed: int, epoch: int, devices: int) -> Iterator[tuple[int, Piece]]:
    """The pieces of an epoch, of all processes, each with the number of its step in the training."""
    for rank in range(devices):
        plan = Batches(
            num_videos=num_videos,
            batch_size=recipe.batch_size,
            accumulate=recipe.accumulate,
            epochs=recipe.epochs,
            seed=seed,
            rank=rank,
            processes=devices,
        )
        for step in plan.steps(epoch=epoch):
            for piece in step.pieces:
                yield epoch * plan.steps_per_epoch + step.number, piece
