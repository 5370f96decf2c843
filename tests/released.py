"""Checkpoints in the released format, made from networks of ours by the inverse of the key mapping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gsf.nn.model import VideoModel, create_model


def make_network(temporal: Any = "gsf", *, num_classes: int = 12, ratio: float = 0.25, seed: int = 3) -> VideoModel:
    """A ResNet-18 of random weights for clips of two frames."""
    torch.manual_seed(seed)
    network = create_model("resnet18", temporal, num_classes, 2, ratio=ratio)
    torch.nn.init.normal_(network.classifier.weight, 0, 0.1)
    return network.eval()


def released_state(network: VideoModel) -> dict[str, Tensor]:
    """The state dict of a ResNet of ours under the released names, with the prefix `module.`."""
    theirs: dict[str, Tensor] = {}
    for key, value in network.state_dict().items():
        owner, _, part = key.partition(".temporal.")
        if key.startswith("classifier."):
            theirs[key.replace("classifier.", "new_fc.")] = value
        elif not part:
            theirs[key.replace("backbone.", "base_model.")] = value
        else:
            block = owner.replace("backbone.", "base_model.").rpartition(".")[0]
            theirs |= {f"{block}.gsf.{name}": tensor for name, tensor in _module(part, value)}
    return {f"module.{key}": value.clone() for key, value in theirs.items()}


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


def _module(part: str, value: Tensor) -> list[tuple[str, Tensor]]:
    if part == "gate.weight":  # (2 planes * 3 steps, F/2, 3, 3) -> (2 planes, F/2, 3 steps, 3, 3)
        return [("conv3D.weight", value.unflatten(0, (2, 3)).transpose(1, 2).contiguous())]
    if part == "gate.bias":
        return [("conv3D.bias", value)]
    if part.startswith("gate.norm."):
        return [(part.replace("gate.norm.", "bn."), value)]
    name = part.removeprefix("fuse.")
    return [(f"channel_conv{number}.{name}", half) for number, half in enumerate(value.chunk(2), 1)]
