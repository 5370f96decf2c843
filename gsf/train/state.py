"""The state of an unfinished training on disk: enough to go on from any step, byte for byte.

One safetensors file with the tensors, and the rest as JSON in its header; the one before it is kept, for the case that
the newer is damaged. Randomness needs no state: every draw follows from (seed, epoch, sample) or (seed, step).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

Tensors = dict[str, torch.Tensor]
_OTHER_KEY = "is of another training"


@dataclass
class Progress:
    """How far a training is; `key` says which training it is (a digest of all that determines its result)."""

    key: str
    epochs_done: int = 0
    steps_done: int = 0  # of the epoch that is not done
    updates: int = 0  # steps of the optimizer in all
    skipped: int = 0  # steps left out, because their loss was not finite
    loss_sum: float = 0.0  # over the clips of the epoch that is not done
    hits: int = 0
    clips: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_top1: float = -1.0
    scale: dict[str, Any] | None = None  # of the gradient scaler

    def next_epoch(self) -> None:
        """The epoch is done: count anew."""
        self.epochs_done += 1
        self.steps_done = self.hits = self.clips = 0
        self.loss_sum = 0.0


class StateFile:
    """Where a training keeps its state: two files at most, and a third while one is written.

    Args:
        path: of the newest; the one before it lies beside it with `.previous` in front of its suffix.
        key: of the training; a state with another is none of ours.
    """

    def __init__(self, path: Path, *, key: str) -> None:
        self._path, self._key = path, key
        self._previous = path.with_suffix(f".previous{path.suffix}")
        self._writing = path.with_suffix(f".writing{path.suffix}")

    def write(self, progress: Progress, tensors: Mapping[str, torch.Tensor]) -> None:
        """Replace the oldest state; a crash at any time leaves a whole one."""
        plain = {name: value.detach().contiguous().cpu() for name, value in tensors.items()}
        content = {"progress": asdict(progress), "sha256": _digest(plain)}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._writing.open("wb") as file:
            file.write(save(plain, metadata={"gsf": json.dumps(content, sort_keys=True)}))
            file.flush()
            os.fsync(file.fileno())
        if self._path.is_file():
            self._path.replace(self._previous)
        self._writing.replace(self._path)
        _sync_folder(self._path.parent)

    def read(self) -> tuple[Progress, Tensors, list[str]]:
        """The newest whole state of this training, or a fresh one; and what was wrong with the files passed over."""
        notes = []
        for path in (self._path, self._previous):
            try:
                progress, tensors = _read(path, self._key)
            except FileNotFoundError:
                continue
            except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
                if str(error) != _OTHER_KEY:  # a changed training begins anew, which needs no word
                    notes.append(f"{path}: is damaged ({error}), not used")
                continue
            return progress, tensors, notes
        return Progress(key=self._key), {}, notes

    def finish(self) -> None:
        """The training is done: the newest state is enough."""
        self._previous.unlink(missing_ok=True)
        self._writing.unlink(missing_ok=True)


def _read(path: Path, key: str) -> tuple[Progress, Tensors]:
    with safe_open(path, framework="pt") as file:
        content = json.loads((file.metadata() or {})["gsf"])
        progress = Progress(**content["progress"])
        if progress.key != key:
            raise ValueError(_OTHER_KEY)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if _digest(tensors) != content["sha256"]:
        raise ValueError("sha256 of its tensors is another than it says")
    return progress, tensors


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """sha256 over names and bytes."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode() + b"\0")
        found.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _sync_folder(folder: Path) -> None:
    """Renames reach the disk with their folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
