"""The training loop: epochs of clips through a network, resumable after each, the same bytes for any worker count."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import nn, optim
from torch.utils.data import DataLoader
from tqdm import tqdm

from gsf.data.clips import TrainingClips, ValidationClips, epoch_order
from gsf.data.preprocess import normalize
from gsf.errors import TrainError
from gsf.nn.model import VideoModel
from gsf.params.recipe import Recipe
from gsf.train.observer import Observer
from gsf.train.schedule import learning_rate
from gsf.train.state import load_progress, save_progress

Precision = Literal["float32", "bfloat16", "float16"]
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Outcome:
    """What a finished training hands over."""

    weights: dict[str, torch.Tensor]
    kept_epoch: int
    best_epoch: int
    history: list[dict[str, float]]


class Trainer:
    """One training from its first epoch, or from where it was interrupted, to its last."""

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
        workers: int,
        observer: Observer,
        title: str = "train",
    ) -> None:
        self._recipe, self._title = recipe, title
        self._train, self._val = train, val
        self._video_ids = video_ids
        self._seed, self._workers, self._device, self._observer = seed, workers, device, observer
        self._state_path = state_path
        self._model = model.to(device).to(memory_format=torch.channels_last)
        self._loss = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
        o = recipe.optimizer
        self._optimizer = optim.SGD(
            self._model.parameters(), lr=o.lr, momentum=o.momentum, nesterov=o.nesterov, weight_decay=o.weight_decay
        )
        self._precision = choose_precision(recipe, device)
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._precision == "float16")
        self._progress, self._best = load_progress(state_path, key, model=self._model, optimizer=self._optimizer)
        if self._progress.scale:
            self._scaler.load_state_dict(self._progress.scale)
        self._steps_per_epoch = math.ceil(len(train) / recipe.batch_size)

    @property
    def epochs_done(self) -> int:
        """Epochs that an earlier, interrupted run left behind."""
        return self._progress.epochs_done

    def run(self) -> Outcome:
        """Train the epochs that are not done yet."""
        progress, recipe = self._progress, self._recipe
        history = progress.history = progress.history or []
        for metrics in history:
            self._observer.epoch(int(metrics["epoch"]), metrics)  # a resumed training tells its past again
        for epoch in range(progress.epochs_done, recipe.epochs):
            metrics = self._train_epoch(epoch)
            if (epoch + 1) % recipe.validate_every == 0 or epoch + 1 == recipe.epochs:
                metrics |= self._validate(epoch)
                if recipe.select == "best" and metrics["val_top1"] > progress.best_top1:
                    self._best = {name: value.detach().clone() for name, value in self._model.state_dict().items()}
                if metrics["val_top1"] > progress.best_top1:
                    progress.best_top1, progress.best_epoch = metrics["val_top1"], epoch + 1
            history.append(metrics)
            progress.epochs_done = epoch + 1
            progress.scale = self._scaler.state_dict() or None
            save_progress(self._state_path, progress, model=self._model, optimizer=self._optimizer, best=self._best)
            self._observer.epoch(epoch + 1, metrics)
        weights, kept = dict(self._model.state_dict()), recipe.epochs
        if recipe.select == "best" and self._best is not None:
            weights, kept = self._best, progress.best_epoch
        return Outcome(weights=weights, kept_epoch=kept, best_epoch=progress.best_epoch, history=history)

    def _train_epoch(self, epoch: int) -> dict[str, float]:
        self._model.train()
        order = epoch_order(len(self._train), seed=self._seed, epoch=epoch)
        loader = self._loader(self._train, order)
        loss_sum, correct, lr = 0.0, 0, 0.0
        bar = tqdm(total=len(order), desc=self._place(epoch), unit="clip", mininterval=1.0)
        for step, batch in enumerate(loader, start=epoch * self._steps_per_epoch):
            lr = learning_rate(self._recipe, step=step, steps_per_epoch=self._steps_per_epoch)
            loss, hits = self._step(batch, step=step, lr=lr)
            loss_sum += loss * len(batch[1])
            correct += hits
            bar.update(len(batch[1]))
            bar.set_postfix(loss=f"{loss:.3f}", lr=f"{lr:.4f}", refresh=False)
        bar.close()
        return {
            "epoch": epoch + 1,
            "lr": lr,
            "train_loss": loss_sum / len(order),
            "train_top1": correct / len(order),
        }

    def _step(self, batch: Batch, *, step: int, lr: float) -> tuple[float, int]:
        clips, labels, indices = batch
        torch.manual_seed(self._seed * 1_000_003 + step)  # dropout: follows from (seed, step), also after a restart
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        labels = labels.to(self._device, non_blocking=True)
        with self._autocast():
            logits = self._model(self._prepare(clips))
            loss = self._loss(logits.float(), labels)
        if not torch.isfinite(loss):
            videos = ", ".join(self._video_ids[int(i)] for i in indices)
            raise TrainError(
                f"step {step}: the loss is {loss.item()}, must be finite; lower optimizer.lr or set clip_norm."
                f" Videos of the batch: {videos}"
            )
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        if self._recipe.clip_norm is not None:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self._model.parameters(), self._recipe.clip_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return float(loss.detach()), int((logits.argmax(1) == labels).sum())

    def _place(self, epoch: int) -> str:
        """What a progress bar says: several trainings may share a terminal."""
        return f"{self._title}: epoch {epoch + 1}/{self._recipe.epochs}"

    @torch.inference_mode()
    def _validate(self, epoch: int) -> dict[str, float]:
        if len(self._val) == 0:
            return {"val_loss": math.nan, "val_top1": math.nan}
        self._model.eval()
        loss_sum, correct = 0.0, 0
        bar = tqdm(total=len(self._val), desc=f"{self._place(epoch)}, validation", unit="clip", mininterval=1.0)
        for clips, labels, _ in self._loader(self._val, range(len(self._val))):
            with self._autocast():
                logits = self._model(self._prepare(clips)).float()
            labels = labels.to(self._device)
            loss_sum += float(nn.functional.cross_entropy(logits, labels, reduction="sum"))
            correct += int((logits.argmax(1) == labels).sum())
            bar.update(len(labels))
        bar.set_postfix(top1=f"{correct / len(self._val):.3f}")
        bar.close()
        return {"val_loss": loss_sum / len(self._val), "val_top1": correct / len(self._val)}

    def _prepare(self, clips: torch.Tensor) -> torch.Tensor:
        """`(B, T, 3, H, W)` uint8 to what the network takes, on its device."""
        return normalize(clips.to(self._device, non_blocking=True), self._model.preprocessing)

    def _autocast(self) -> torch.autocast:
        dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[self._precision]
        return torch.autocast(self._device.type, dtype=dtype, enabled=self._precision != "float32")

    def _loader(self, dataset: TrainingClips | ValidationClips, order: Sequence[object]) -> Iterator[Batch]:
        loader: DataLoader[object] = DataLoader(
            dataset,
            batch_size=self._recipe.batch_size,
            sampler=order,
            num_workers=self._workers,
            pin_memory=self._device.type == "cuda",
        )
        return iter(loader)


def choose_precision(recipe: Recipe, device: torch.device) -> Precision:
    """The precision that `auto` stands for on this device, else the recipe's own; TrainError where it cannot be had."""
    if recipe.precision == "auto":
        return "float16" if device.type == "cuda" else "float32"
    if recipe.precision == "float16" and device.type != "cuda":
        raise TrainError("precision is float16 on a CPU, must be float32 or bfloat16 there; `auto` chooses by device")
    return recipe.precision
