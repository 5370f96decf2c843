"""Loss and accuracy on the validation split, each video once, however many processes share it."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn import functional
from tqdm import tqdm

from gsf.data.clips import ValidationClips
from gsf.data.loader import evaluation_loader
from gsf.data.preprocess import normalize
from gsf.nn.model import VideoModel
from gsf.train.loading import STALLED_SECONDS, batches
from gsf.train.precision import Precision, as_laid_out, autocast
from gsf.train.processes import Processes


class StoppedError(Exception):
    """It was told to stop before all videos were seen."""


@torch.inference_mode()
def validate(
    model: VideoModel,
    clips: ValidationClips,
    *,
    batch_size: int,
    precision: Precision,
    layout: torch.memory_format,
    device: torch.device,
    workers: int,
    processes: Processes,
    stop: Callable[[], bool],
    title: str,
) -> dict[str, float]:
    """`val_loss` and `val_top1`, not a number where there are no videos; the network is left in evaluation mode.

    Several processes ask each other before each batch whether to stop, so that all do or none; where one has a batch
    less than the first, it asks all the same.

    Raises:
        StoppedError: `stop` of a process said so.
    """
    if len(clips) == 0:
        return {"val_loss": math.nan, "val_top1": math.nan}
    model.eval()
    own = range(processes.rank, len(clips), processes.count)
    pieces = [list(own[begin : begin + batch_size]) for begin in range(0, len(own), batch_size)]
    loader = evaluation_loader(clips, pieces, workers=workers, device=device, stalled_seconds=STALLED_SECONDS)
    loaded = batches(loader, stalled_seconds=STALLED_SECONDS)
    most_pieces = math.ceil(math.ceil(len(clips) / processes.count) / batch_size)
    loss, hits = 0.0, 0.0
    with tqdm(total=len(own), desc=title, unit="clip", mininterval=1.0, disable=not processes.first) as bar:
        for number in range(most_pieces):
            if processes.any(stop(), device=device):
                raise StoppedError
            if number >= len(pieces):
                continue
            pixels, labels, _ = next(loaded)
            with autocast(precision, device):
                frames = as_laid_out(normalize(pixels.to(device, non_blocking=True), model.preprocessing), layout)
                logits = model(frames).float()
            labels = labels.to(device)
            loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
            hits += float((logits.argmax(1) == labels).sum())
            bar.update(len(labels))
        loss, hits = processes.sum([loss, hits], device=device)
        bar.set_postfix(top1=f"{hits / len(clips):.3f}")
    return {"val_loss": loss / len(clips), "val_top1": hits / len(clips)}
