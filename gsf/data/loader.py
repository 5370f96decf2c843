"""Loader processes: how many, and the loaders of a training and an evaluation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from gsf.data.augment.clip import ClipTransform
from gsf.data.clips import TrainingClips, WholeClips
from gsf.errors import ParamsError
from gsf.machine import usable_cores

# Packages whose versions may change a pixel of a clip: part of the receipts of trainings and evaluations.
TOOLS = ("torch", "numpy", "lmdb", "simplejpeg")
MOST_BY_DEFAULT = 8

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
WholeBatch = tuple[list[torch.Tensor], list[ClipTransform], torch.Tensor, torch.Tensor]


def workers(asked: int | None) -> int:
    """Loader processes: as asked for, else GSF_WORKERS, else one less than the usable cores, at most 8.

    0 loads in the process itself. The number changes no clip.

    Raises:
        ParamsError: GSF_WORKERS is no integer of 0 or more.
    """
    if asked is not None:
        return asked
    given = os.environ.get("GSF_WORKERS", "").strip()
    if not given:
        return max(0, min(MOST_BY_DEFAULT, usable_cores() - 1))
    if not (given.isascii() and given.isdecimal()):
        raise ParamsError(
            f"GSF_WORKERS is {given!r}, must be an integer of 0 or more; unset it to choose by the number of cores"
        )
    return int(given)


def training_loader(
    clips: TrainingClips,
    batches: Iterable[Sequence[tuple[int, int]]],
    *,
    workers: int,
    device: torch.device,
    stalled_seconds: float = 0,
) -> DataLoader[Any]:
    """A batch for each of the lists of `(epoch, sample)`, in their order.

    `((B, T, 3, size, size) uint8, labels, indices)` where the recipe augments on the CPU. Where it augments on the
    device: `(B whole clips (T, 3, H, W) uint8, B transforms, labels, indices)`, the first two for `augment_on_device`.

    Give it the batches of all epochs at once: processes then start once a training. Where none of them gives a batch
    for `stalled_seconds`, that is a RuntimeError; 0: never.
    """
    if clips.augment.on == "device":
        return _loader(WholeClips(clips), batches, workers, device, collate_whole, stalled_seconds)
    return _loader(clips, batches, workers, device, collate, stalled_seconds)


def evaluation_loader(
    clips: Dataset[Any],
    batches: Iterable[Sequence[int]],
    *,
    workers: int,
    device: torch.device,
    stalled_seconds: float = 0,
) -> DataLoader[Any]:
    """A batch for each of the lists of videos: `(clips or views (B, ..., 3, size, size) uint8, labels, indices)`.

    Channel by channel in memory: in the other layout convolutions round otherwise, and logits are for comparison.
    """
    return _loader(clips, batches, workers, device, default_collate, stalled_seconds)


def collate(samples: Sequence[tuple[torch.Tensor, int, int]]) -> Batch:
    """Samples of one shape as a batch, channels last in memory, as convolutions want it and as decoders give it."""
    by_pixel = [(clip.movedim(-3, -1), label, index) for clip, label, index in samples]  # (..., H, W, 3)
    clips, labels, indices = default_collate(by_pixel)  # in a loader process: straight into shared memory
    return clips.movedim(-1, -3), labels, indices


def collate_whole(samples: Sequence[tuple[torch.Tensor, ClipTransform, int, int]]) -> WholeBatch:
    """Samples of `WholeClips`, whose frames differ in size."""
    frames, transforms, labels, indices = zip(*samples, strict=True)
    return list(frames), list(transforms), torch.tensor(labels), torch.tensor(indices)


def _loader(
    dataset: Dataset[Any],
    batches: Iterable[Any],
    workers: int,
    device: torch.device,
    collate: Callable[[Any], Any],
    stalled_seconds: float,
) -> DataLoader[Any]:
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        collate_fn=collate,
        timeout=stalled_seconds if workers else 0,
    )
