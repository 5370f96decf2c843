"""What happens to the clips of a piece where the network is: augmentation, if the recipe wants it there, and mixing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from gsf.data.augment.clip import augment_on_device

# Clips, labels and indices of their videos; four parts where whole clips come with what they are to go through.
Batch = Sequence[Any]


class Prepare(Protocol):
    """Changes the clips of a piece, and their labels with them."""

    def __call__(
        self, clips: torch.Tensor, labels: torch.Tensor, *, seed: int, step: int, part: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Clips `(B, T, 3, H, W)` uint8 and labels `(B,)` to what `normalize` takes and labels, or `(B, K)` shares.

        All that is random follows from the training's seed, the step and the part of the step.
        """


def on_device(batch: Batch, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Clips `(B, T, 3, size, size)` uint8 and labels `(B,)` of a batch, there."""
    *clips, labels, _ = batch
    labels = labels.to(device, non_blocking=True)
    if len(clips) == 2:
        frames, transforms = clips
        return augment_on_device(frames, transforms, device), labels
    return clips[0].to(device, non_blocking=True), labels
