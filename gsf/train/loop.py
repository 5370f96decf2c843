"""The training loop: epochs of clips through a network, resumable at each step, the same bytes for any worker count."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch
from torch import nn
from tqdm import tqdm

from gsf.data.augment.mixing import Mixer
from gsf.data.clips import TrainingClips, ValidationClips
from gsf.data.loader import training_loader
from gsf.errors import PreemptedError, TrainError
from gsf.nn.model import VideoModel
from gsf.params.recipe import Recipe
from gsf.train.activations import checkpoint_blocks
from gsf.train.average import Average, weights_in
from gsf.train.batches import Batches, Step
from gsf.train.loading import STALLED_SECONDS, batches
from gsf.train.memory import is_out_of_memory, out_of_memory
from gsf.train.norms import fix, frozen_norms, share_norms, train_mode
from gsf.train.observer import Observer
from gsf.train.optimizer import build_optimizer
from gsf.train.precision import choose_layout, choose_precision
from gsf.train.preparing import Batch, Prepare
from gsf.train.processes import Processes
from gsf.train.rates import Rates
from gsf.train.running import Running
from gsf.train.saving import Changing, Saving
from gsf.train.schedule import learning_rate
from gsf.train.signals import Requests
from gsf.train.step import Stepper, not_finite
from gsf.train.validation import StoppedError, validate


@dataclass(frozen=True)
class Outcome:
    """What a finished training hands over."""

    weights: dict[str, torch.Tensor]
    kept_epoch: int
    best_epoch: int
    history: list[dict[str, float]]


class Trainer:
    """One training from its first step, or from where it was interrupted, to its last.

    Args:
        model: the network; it is changed.
        recipe: how it is trained.
        train: clips by (epoch, sample).
        val: clips by sample.
        video_ids: of the training videos, for errors.
        seed: of all that is random.
        key: digest of all that determines the result: a state with another key is not gone on from.
        state_path: of the state on disk.
        device: where the network runs.
        running: how, on this machine.
        processes: this one and those that share the training.
        observer: is told each epoch, in the first process.
        prepare: what happens to clips on the device; None: the recipe's mixing.
        title: in front of progress bars.
    """

    def __init__(
        self,
        model: VideoModel,
        recipe: Recipe,
        *,
        train: TrainingClips,
        val: ValidationClips,
        video_ids: Sequence[str],
        seed: int,
        key: str,
        state_path: Path,
        device: torch.device,
        running: Running,
        processes: Processes,
        observer: Observer,
        prepare: Prepare | None = None,
        title: str = "train",
    ) -> None:
        self._recipe, self._title, self._train, self._val, self._video_ids = recipe, title, train, val, video_ids
        self._device, self._running, self._processes, self._observer = device, running, processes, observer
        self._plan = Batches(
            num_videos=len(train),
            batch_size=recipe.batch_size,
            accumulate=recipe.accumulate,
            epochs=recipe.epochs,
            seed=seed,
            rank=processes.rank,
            processes=processes.count,
        )
        self._model = model.to(device).to(memory_format=choose_layout(recipe, device))
        if recipe.sync_norms and processes.count > 1:
            share_norms(self._model, device=device)
        self._frozen = frozen_norms(self._model, recipe)
        fix(self._frozen)
        self._optimizer = build_optimizer(self._model, recipe)
        mixing = recipe.augment.mixing
        if prepare is None and mixing is not None:
            prepare = Mixer(mixing, num_classes=model.classifier.out_features)
        self._average = None if recipe.ema is None else Average(self._model, decay=recipe.ema)
        self._stepper = Stepper(
            self._model,
            self._runner(),
            self._optimizer,
            recipe,
            seed=seed,
            processes=processes,
            device=device,
            prepare=prepare,
        )
        self._saving = Saving(
            state_path,
            key=key,
            changing=Changing(self._model, self._optimizer, self._stepper.scaler, self._average),
            minutes=running.save_minutes,
            steps=running.save_steps,
            writes=processes.first,
        )
        self._progress, self._best = self._saving.load()
        self._rates = Rates(device)

    def run(self) -> Outcome:
        """Train what is not done yet.

        Raises:
            PreemptedError: a signal asked to make room; the state is saved.
            TrainError: a loss that is not finite, memory that does not suffice, a loader that stands still.
        """
        progress, recipe = self._progress, self._recipe
        for metrics in progress.history:
            self._observer.epoch(int(metrics["epoch"]), metrics)  # a resumed training tells its past again
        with Requests() as self._requests:
            loaded = self._loaded()
            for epoch in range(progress.epochs_done, recipe.epochs):
                metrics = self._train_epoch(epoch, loaded)
                if (epoch + 1) % recipe.validate_every == 0 or epoch + 1 == recipe.epochs:
                    metrics |= self._validate(epoch)
                progress.history.append(metrics)
                progress.next_epoch()
                self._saving.save(progress, self._best)
                self._observer.epoch(epoch + 1, metrics)
        self._saving.finish()
        weights, kept = dict(self._kept_weights()), recipe.epochs
        if recipe.select == "best" and self._best is not None:
            weights, kept = self._best, progress.best_epoch
        return Outcome(weights=weights, kept_epoch=kept, best_epoch=progress.best_epoch, history=progress.history)

    def _train_epoch(self, epoch: int, loaded: Iterator[Batch]) -> dict[str, float]:
        progress, lr = self._progress, 0.0
        train_mode(self._model, self._frozen)
        self._rates.restart()
        with tqdm(
            total=len(self._train),
            initial=progress.clips,
            desc=self._place(epoch),
            unit="clip",
            mininterval=1.0,
            disable=not self._processes.first,
        ) as bar:
            for step in self._plan.steps(epoch=epoch, after=progress.steps_done):
                lr = self._step(step, loaded)
                bar.update(step.clips)
                left = (self._recipe.epochs - epoch) * len(self._train) - progress.clips
                mean = progress.loss_sum / max(progress.clips, 1)
                bar.set_postfix(self._rates.shown(clips_left=left), loss=f"{mean:.3f}", lr=f"{lr:.4f}", refresh=False)
        lr = lr or self._rate(self._plan.steps_per_epoch * (epoch + 1) - 1)
        counted = progress.clips or math.nan  # not a number where every step was left out
        return {
            "epoch": epoch + 1,
            "lr": lr,
            "train_loss": progress.loss_sum / counted,
            "train_top1": progress.hits / counted,
            **self._rates.measured(),
        }

    def _step(self, step: Step, loaded: Iterator[Batch]) -> float:
        """One step, and the state on disk where it is due; the rate."""
        progress = self._progress
        own = self._fetch(step, loaded)
        number = step.epoch * self._plan.steps_per_epoch + step.number
        lr = self._rate(number)
        try:
            sums = self._stepper.run(step, own, number=number, lr=lr, stop=self._requests.stop)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise self._processes.explained(error) from error
            piece, shape = self._plan.largest_piece, tuple(own[0][0][0].shape)
            raise out_of_memory(
                self._recipe, piece=piece, processes=self._processes.count, shape=shape, device=self._device
            ) from error
        progress.steps_done += 1
        if sums.finite:
            progress.updates += 1
            progress.loss_sum += sums.loss
            progress.hits += round(sums.hits)
            progress.clips += step.clips
            if self._average is not None:
                self._average.update(steps=progress.updates)
        else:
            self._leave_out(number, own, mine=not sums.own_finite)
        self._rates.computed(step.clips)
        if sums.stop or self._asked_alone():
            self._make_room()
        if self._saving.due(progress.steps_done):
            self._saving.save(progress, self._best)
        return lr

    def _fetch(self, step: Step, loaded: Iterator[Batch]) -> list[Batch]:
        """The clips of a step, before anything of it is computed: what fails here leaves a state to go on from."""
        since = time.perf_counter()
        try:
            own = [next(loaded) for _ in step.pieces]
        except TrainError:
            if self._asked_alone():  # the signal went to the loader processes too
                self._make_room()
            raise
        self._rates.waited(since)
        return own

    def _leave_out(self, number: int, own: Sequence[Batch], *, mine: bool) -> None:
        """Count a step whose loss was not finite; TrainError with its videos where they become too many."""
        self._progress.skipped += 1
        if self._progress.skipped > self._recipe.skip_nonfinite:
            videos = [self._video_ids[int(index)] for batch in own for index in batch[-1]]
            raise not_finite(number, videos, skipped=self._recipe.skip_nonfinite, own=mine)

    def _validate(self, epoch: int) -> dict[str, float]:
        """Loss and accuracy of the weights that would be kept, which are remembered where they are the best."""
        progress = self._progress
        self._processes.share(self._model.buffers())
        if self._average is not None:
            self._processes.share(self._average.weights.values())
        try:
            with weights_in(self._model, None if self._average is None else self._average.weights):
                metrics = validate(
                    self._model,
                    self._val,
                    batch_size=self._plan.largest_piece,
                    precision=choose_precision(self._recipe, self._device),
                    layout=choose_layout(self._recipe, self._device),
                    device=self._device,
                    workers=self._running.workers,
                    processes=self._processes,
                    stop=lambda: self._requests.stop,
                    title=f"{self._place(epoch)}, validation",
                )
        except StoppedError:
            self._make_room()
        if metrics["val_top1"] > progress.best_top1:
            progress.best_top1, progress.best_epoch = metrics["val_top1"], epoch + 1
            if self._recipe.select == "best":
                self._best = {name: value.detach().clone() for name, value in self._kept_weights().items()}
        return metrics

    def _asked_alone(self) -> bool:
        """Whether to make room at once; several processes agree on it first, in a step or before a batch."""
        return self._requests.stop and self._processes.count == 1

    def _make_room(self) -> NoReturn:
        """Save and end, as a signal asked."""
        progress = self._progress
        self._saving.save(progress, self._best)
        raise PreemptedError(
            f"{self._title}: stopped by a signal after {progress.epochs_done} epochs and {progress.steps_done} steps;"
            " the state is saved, the same command goes on"
        )

    def _loaded(self) -> Iterator[Batch]:
        """All batches from here to the end; one set of loader processes for the whole training."""
        progress = self._progress
        steps = self._plan.all_steps(epoch=progress.epochs_done, after=progress.steps_done)
        pieces = (piece.positions for step in steps for piece in step.pieces)
        loader = training_loader(
            self._train,
            pieces,
            workers=self._running.workers,
            device=self._device,
            stalled_seconds=STALLED_SECONDS,
        )
        return batches(loader, stalled_seconds=STALLED_SECONDS)

    def _runner(self) -> nn.Module:
        """What computes a step's logits: the network, compiled and joined with those of other processes."""
        if self._recipe.checkpoint_activations:
            checkpoint_blocks(self._model)
        if self._recipe.compile:
            self._model.compile()
        return self._processes.joined(self._model, device=self._device)

    def _kept_weights(self) -> dict[str, torch.Tensor]:
        return self._model.state_dict() if self._average is None else self._average.weights

    def _rate(self, number: int) -> float:
        return learning_rate(self._recipe, step=number, steps_per_epoch=self._plan.steps_per_epoch)

    def _place(self, epoch: int) -> str:
        """What a progress bar says: several trainings may share a terminal."""
        return f"{self._title}: epoch {epoch + 1}/{self._recipe.epochs}"
