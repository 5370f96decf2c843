"""Checkpoints in the released format, made from networks of ours by the inverse of the key mapping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gsf.nn.model import VideoModel, create_model
from gsf.nn.released_keys import released_state_dict


def make_network(
    temporal: Any = "gsf", *, backbone: str = "resnet18", num_classes: int = 12, ratio: float = 0.25, seed: int = 3
) -> VideoModel:
    """A network of random weights for clips of two frames."""
    torch.manual_seed(seed)
    network = create_model(backbone, temporal, num_classes, 2, ratio=1.0 if temporal == "none" else ratio)
    torch.nn.init.normal_(network.classifier.weight, 0, 0.1)
    return network.eval()


def released_state(network: VideoModel) -> dict[str, Tensor]:
    """The state dict of a network of ours under the released names, with the prefix `module.`."""
    return {f"module.{key}": value.clone() for key, value in released_state_dict(network).items()}


def write_released(path: Path, network: VideoModel | None = None, **changes: Any) -> Path:
    """A checkpoint file as the published ones are."""
    content = {
        "epoch": 58,
        "arch": "resnet18",
        "model_state_dict": released_state(network or make_network()),
        "best_prec1": torch.tensor(50.625),
        "lr": 0.01,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content | changes, path)
    return path
