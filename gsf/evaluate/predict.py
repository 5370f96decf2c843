"""Logits of every view of every video, in order, the same on every run.

Videos are taken in fixed groups, so that a sum never depends on where an interrupted evaluation stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch.utils.data import Dataset
from tqdm import tqdm

from gsf.data.loader import evaluation_loader
from gsf.data.preprocess import normalize
from gsf.errors import EvaluationError
from gsf.evaluate.scores import Array
from gsf.nn.model import VideoModel
from gsf.provenance.hashing import canonical_json, write_atomically

SAVE_EVERY = 50  # videos

Sample = tuple[torch.Tensor, int, int]


@dataclass(frozen=True)
class Partial:
    """What an unfinished evaluation leaves behind: a file with the logits of the first videos.

    It counts only under the key it was written with: a digest of all that determines the logits.
    """

    path: Path
    key: str

    def read(self, *, views: int, classes: int) -> Array:
        """Logits `(n, views, classes)` of the first n videos; n = 0 where there is nothing that counts."""
        nothing: Array = np.zeros((0, views, classes), dtype=np.float32)
        try:
            with safe_open(self.path, framework="numpy") as file:
                known = json.loads((file.metadata() or {})["gsf"])
                logits: Array = file.get_tensor("logits")
        except (OSError, SafetensorError, KeyError, ValueError):
            return nothing  # none, or a damaged one: start again
        fits = known == {"key": self.key} and logits.dtype == np.float32 and logits.shape[1:] == (views, classes)
        return logits if fits else nothing

    def write(self, logits: Array) -> None:
        metadata = {"gsf": canonical_json({"key": self.key}).decode("utf-8")}
        write_atomically(self.path, save({"logits": np.ascontiguousarray(logits)}, metadata=metadata))

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def predict(
    model: VideoModel,
    videos: Dataset[Sample],
    *,
    num_videos: int,
    views: int,
    num_classes: int,
    batch_size: int,
    device: torch.device,
    workers: int,
    partial: Partial | None = None,
    title: str = "evaluate",
) -> Array:
    """Logits `(num_videos, views, num_classes)` in float32.

    Args:
        model: in evaluation mode.
        videos: `(views uint8 (V, T, 3, H, W), label, index)` by index 0 .. num_videos - 1.
        num_videos: all of them are taken, each once.
        views: V.
        num_classes: width of the logits.
        batch_size: views of one forward pass.
        device: where the network runs.
        workers: loader processes; they do not change a logit.
        partial: where to go on, and to keep what is done every 50 videos.
        title: in front of the progress bar.

    Raises:
        EvaluationError: a video with another number of views, or out of order.
    """
    group = max(1, batch_size // views)  # videos
    done = partial.read(views=views, classes=num_classes) if partial else np.zeros((0, views, num_classes), np.float32)
    start = len(done) // group * group if len(done) < num_videos else num_videos
    logits = np.empty((num_videos, views, num_classes), dtype=np.float32)
    logits[:start] = done[:start]
    groups = [range(at, min(at + group, num_videos)) for at in range(start, num_videos, group)]
    loader = evaluation_loader(videos, groups, workers=workers, device=device)
    model = model.to(device).eval()
    saved, at = start, start
    with (
        torch.inference_mode(),
        full_float32(),
        tqdm(total=num_videos * views, initial=start * views, desc=title, unit="clip", leave=False) as bar,
    ):
        for clips, _, indices in loader:
            if indices.tolist() != list(range(at, at + len(indices))) or clips.shape[1] != views:
                raise EvaluationError(
                    f"videos {indices.tolist()} came with {clips.shape[1]} views, must be {at}.. in order with {views}"
                )
            logits[at : at + len(indices)] = forward_views(model, clips, batch_size=batch_size, device=device)
            at += len(indices)
            bar.update(len(indices) * views)
            if partial and at - saved >= SAVE_EVERY and at < num_videos:
                partial.write(logits[:at])
                saved = at
    return logits


@contextmanager
def full_float32() -> Iterator[None]:
    """Products in float32 proper: GPUs else round the factors to TF32's ten bits."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def forward_views(model: VideoModel, clips: torch.Tensor, *, batch_size: int, device: torch.device) -> Array:
    """Logits `(n, V, C)` of `(n, V, T, 3, H, W)` uint8; never more than `batch_size` views at once."""
    parts = [
        model(normalize(part.to(device, non_blocking=True), model.preprocessing)).float().cpu()
        for part in torch.split(clips.flatten(0, 1), batch_size)  # (<= batch_size, T, 3, H, W)
    ]
    logits: Array = torch.cat(parts).view(*clips.shape[:2], -1).numpy()
    return logits
