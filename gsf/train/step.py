"""One step of the optimizer: clips in, changed weights out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional

from gsf.data.preprocess import normalize
from gsf.errors import TrainError
from gsf.nn.model import VideoModel
from gsf.params.recipe import Recipe
from gsf.train.batches import Piece, Step
from gsf.train.optimizer import set_rate
from gsf.train.precision import as_laid_out, autocast, choose_layout, choose_precision
from gsf.train.preparing import Batch, Prepare, on_device
from gsf.train.processes import Processes


@dataclass(frozen=True)
class Sums:
    """What a step measured, over all processes."""

    loss: float  # summed over clips
    hits: float
    finite: bool
    own_finite: bool  # of this process
    stop: bool  # a process was asked to make room


class Stepper:
    """Computes steps.

    Args:
        model: the network, on its device.
        runner: the same, or what joins its gradients with those of other processes.
        optimizer: over the model's parameters.
        recipe: how.
        seed: of the training.
        processes: this one and the others.
        device: where the network is.
        prepare: see `Prepare`; None: nothing.
    """

    def __init__(
        self,
        model: VideoModel,
        runner: nn.Module,
        optimizer: optim.Optimizer,
        recipe: Recipe,
        *,
        seed: int,
        processes: Processes,
        device: torch.device,
        prepare: Prepare | None = None,
    ) -> None:
        self._model, self._runner, self._optimizer, self._recipe = model, runner, optimizer, recipe
        self._seed, self._processes, self._device, self._prepare = seed, processes, device, prepare
        self._precision, self._layout = choose_precision(recipe, device), choose_layout(recipe, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self._precision == "float16")

    def run(self, step: Step, batches: Sequence[Batch], *, number: int, lr: float, stop: bool) -> Sums:
        """One step; the weights change only if its loss is finite in every process.

        Args:
            step: which clips count, and in which pieces.
            batches: the pieces' clips.
            number: of the step in the training; with the seed and the piece it decides all that is random.
            lr: the rate.
            stop: this process was asked to make room, which the others shall know.
        """
        before = [buffer.clone() for buffer in self._model.buffers()] if self._recipe.skip_nonfinite else []
        self._optimizer.zero_grad(set_to_none=True)
        measured = torch.zeros(2, dtype=torch.float64, device=self._device)
        for piece, batch in zip(step.pieces, batches, strict=True):
            last = piece is step.pieces[-1]
            with self._gradients_joined(last):
                measured += self._piece(piece, batch, clips=step.clips, number=number)
        loss, hits = measured.tolist()
        finite = bool(np.isfinite(loss))
        failed, stops, loss, hits = self._processes.sum(
            [float(not finite), float(stop), loss, hits], device=self._device
        )
        if failed:
            for buffer, value in zip(self._model.buffers(), before, strict=False):
                buffer.copy_(value)
        else:
            self._update(lr)
        return Sums(loss=loss, hits=hits, finite=not failed, own_finite=finite, stop=stops > 0)

    def _piece(self, piece: Piece, batch: Batch, *, clips: int, number: int) -> torch.Tensor:
        """Add the gradient of one piece; its summed loss and its hits."""
        # Dropout: the same after a restart.
        torch.manual_seed(seed_of(self._seed, step=number, piece=piece.number))
        pixels, labels = on_device(batch, self._device)
        if self._prepare is not None:
            pixels, labels = self._prepare(pixels, labels, seed=self._seed, step=number, part=piece.number)
        frames = as_laid_out(normalize(pixels, self._model.preprocessing), self._layout)
        with autocast(self._precision, self._device):
            logits = self._runner(frames).float()
        smoothing = self._recipe.label_smoothing
        loss = functional.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
        # The mean over the clips of the step; joining the processes takes the mean over them, which is undone here.
        share = (self._processes.count if piece.counts else 0) / clips
        self.scaler.scale(loss * share).backward()  # type: ignore[no-untyped-call]
        true = labels if labels.dim() == 1 else labels.argmax(1)
        hits = (logits.argmax(1) == true).sum()
        return torch.stack([loss.detach().double(), hits.double()]) * float(piece.counts)

    def _update(self, lr: float) -> None:
        set_rate(self._optimizer, lr)
        if self._recipe.clip_norm is not None:
            self.scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self._model.parameters(), self._recipe.clip_norm)
        self.scaler.step(self._optimizer)
        self.scaler.update()

    def _gradients_joined(self, last: bool) -> nullcontext[None]:
        """Gradients of several parts are exchanged once, with the last."""
        joins = isinstance(self._runner, nn.parallel.DistributedDataParallel)
        return nullcontext() if last or not joins else self._runner.no_sync()  # type: ignore[operator]


def seed_of(seed: int, *, step: int, piece: int) -> int:
    """From which all that is random in a piece follows."""
    return int(np.random.SeedSequence([seed, step, piece]).generate_state(1, np.uint64)[0] >> 1)


def not_finite(step: int, videos: Sequence[str], *, skipped: int, own: bool) -> TrainError:
    """The error for a loss that is not a number, in this process or (not `own`) in another one."""
    if not own:
        return TrainError(f"step {step}: the loss of another process is not finite; its message names the videos")
    after = f" after {skipped} steps that were left out for the same reason" if skipped else ""
    return TrainError(
        f"step {step}: the loss is not finite, must be{after}; lower optimizer.lr, set clip_norm, or allow it with"
        f" skip_nonfinite. Videos of the batch: {', '.join(videos)}"
    )
