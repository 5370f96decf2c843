"""When the state of a training is saved, and what belongs to it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn, optim

from gsf.train.average import Average
from gsf.train.parts import restore, tensors_of
from gsf.train.state import Progress, StateFile


@dataclass(frozen=True)
class Changing:
    """All that a step changes."""

    model: nn.Module
    optimizer: optim.Optimizer
    scaler: torch.amp.GradScaler
    average: Average | None


class Saving:
    """The state of one training on disk.

    Args:
        path: of its file.
        key: of the training.
        changing: what is saved.
        minutes: between two states.
        steps: the same in steps of an epoch; None: by the clock alone.
        writes: whether this process does; all of them read.
    """

    def __init__(
        self, path: Path, *, key: str, changing: Changing, minutes: float, steps: int | None, writes: bool
    ) -> None:
        self._file = StateFile(path, key=key)
        self._of, self._seconds, self._steps, self._writes = changing, minutes * 60, steps, writes
        self._saved = time.monotonic()

    def load(self) -> tuple[Progress, dict[str, torch.Tensor] | None]:
        """Go on from what is on disk, if it is of this training: how far it is, and the best weights so far."""
        progress, tensors, notes = self._file.read()
        for note in notes if self._writes else []:
            print(f"{note}; going on after {progress.epochs_done} epochs, {progress.steps_done} steps", file=sys.stderr)
        if not tensors:
            return progress, None
        average, best = restore(tensors, self._of.model, self._of.optimizer)
        if self._of.average is not None:
            self._of.average.load(average)
        if progress.scale:
            self._of.scaler.load_state_dict(progress.scale)
        return progress, dict(best) or None

    def due(self, steps_done: int) -> bool:
        """Whether a state is to be saved after this step of an epoch."""
        if self._steps is not None and steps_done % self._steps == 0:
            return True
        return time.monotonic() - self._saved >= self._seconds

    def save(self, progress: Progress, best: Mapping[str, torch.Tensor] | None) -> None:
        """Write everything."""
        scale: dict[str, Any] = self._of.scaler.state_dict()
        progress.scale = scale or None
        if self._writes:
            average = None if self._of.average is None else self._of.average.weights
            self._file.write(progress, tensors_of(self._of.model, self._of.optimizer, average=average, best=best))
        self._saved = time.monotonic()

    def finish(self) -> None:
        """Keep the newest state alone."""
        if self._writes:
            self._file.finish()
