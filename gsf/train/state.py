"""The state of an unfinished training on disk: what `epochs_done` epochs left behind, enough to go on byte for byte.

Weights and momentum lie in one safetensors file, replaced atomically after each epoch. Randomness needs no state: every
draw follows from (seed, epoch, sample) or (seed, step).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn, optim

from gsf.provenance.hashing import write_atomically

_BEST, _MODEL, _MOMENTUM = "best.", "model.", "momentum."


@dataclass
class Progress:
    """How far a training is; `key` says which training it is (a digest of all that determines its result)."""

    key: str
    epochs_done: int = 0
    history: list[dict[str, float]] | None = None
    best_epoch: int = 0
    best_top1: float = -1.0
    scale: dict[str, Any] | None = None  # of the gradient scaler


def save_progress(
    path: Path,
    progress: Progress,
    *,
    model: nn.Module,
    optimizer: optim.Optimizer,
    best: dict[str, torch.Tensor] | None,
) -> None:
    """Write everything to one file, atomically."""
    tensors = {_MODEL + name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    for index, (_, state) in enumerate(_momenta(optimizer)):
        buffer = state.get("momentum_buffer")
        if buffer is not None:
            tensors[f"{_MOMENTUM}{index}"] = buffer.contiguous().cpu()
    tensors |= {_BEST + name: value.contiguous().cpu() for name, value in (best or {}).items()}
    write_atomically(path, save(tensors, metadata={"gsf": json.dumps(progress.__dict__, sort_keys=True)}))


def load_progress(
    path: Path, key: str, *, model: nn.Module, optimizer: optim.Optimizer
) -> tuple[Progress, dict[str, torch.Tensor] | None]:
    """Restore what `save_progress` wrote for the training `key`; a fresh Progress where there is nothing to go on from.

    A file that is damaged, or that belongs to a training with other parameters, data or code, is not used.
    """
    fresh = Progress(key=key, history=[])
    try:
        with safe_open(path, framework="pt") as file:
            progress = Progress(**json.loads(file.metadata()["gsf"]))
            if progress.key != key:
                return fresh, None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return fresh, None
    model.load_state_dict(_part(tensors, _MODEL))
    momenta = _part(tensors, _MOMENTUM)
    for index, (parameter, state) in enumerate(_momenta(optimizer)):
        if str(index) in momenta:
            state["momentum_buffer"] = momenta[str(index)].to(parameter.device)
    return progress, _part(tensors, _BEST) or None


def _momenta(optimizer: optim.Optimizer) -> list[tuple[torch.Tensor, dict[str, Any]]]:
    return [
        (parameter, optimizer.state[parameter]) for group in optimizer.param_groups for parameter in group["params"]
    ]


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
