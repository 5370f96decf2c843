"""What a checkpoint that was trained elsewhere holds: its network, and what can be told of it."""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gsf.errors import TrainError
from gsf.nn.model import VideoModel, create_model
from gsf.nn.released import resnet_state_dict


@dataclass(frozen=True)
class Network:
    """A network from a checkpoint, and what the file says of it."""

    model: VideoModel
    backbone: str
    temporal: str
    ratio: float
    num_classes: int
    epoch: int | None  # at which it was saved
    best_prec1: float | None  # validation top-1 in percent, one clip and centre crop, as its training saw it


def read_network(path: Path, *, num_segments: int) -> Network:
    """Read a checkpoint in a released format; TrainError where it is not one, or would run code when read."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise TrainError(
            f"{path}: would run code when read ({str(error).splitlines()[0]}), must hold tensors alone"
        ) from error
    except (OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise TrainError(f"{path}: is not a checkpoint: {error}") from error
    state: dict[str, Tensor] = content.get("model_state_dict", content.get("state_dict", content))
    try:
        ours = resnet_state_dict(state)
    except (ValueError, AttributeError) as error:
        raise TrainError(f"{path}: {error}") from error
    blocks = sum(bool(re.fullmatch(r"backbone\.layer\d\.\d+\.conv1\.weight", key)) for key in ours)
    backbone = {8: "resnet18", 16: "resnet50", 33: "resnet101"}[blocks]
    gates = {key for key in ours if key.endswith("temporal.gate.weight")}
    fuses = {key for key in ours if key.endswith("temporal.fuse.weight")}
    temporal = "gsf" if fuses else "gsm" if gates else "none"
    first = "backbone.layer1.0.conv2" if backbone == "resnet18" else "backbone.layer1.0.conv3"
    channels = ours[f"{first}.weight"].shape[0]
    ratio = 2 * ours[f"{first}.temporal.gate.weight"].shape[1] / channels if gates else 1.0
    num_classes = len(ours["classifier.weight"])
    model = create_model(backbone, temporal, num_classes, num_segments, ratio=ratio)  # type: ignore[arg-type]
    model.load_state_dict(ours)
    epoch = content.get("epoch")
    return Network(
        model,
        backbone,
        temporal,
        ratio,
        num_classes,
        epoch=epoch if isinstance(epoch, int) else None,
        best_prec1=_percent(content.get("best_prec1")),
    )


def _percent(value: Any) -> float | None:
    """An accuracy, which released files hold as a number or a tensor of one."""
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    return round(float(value), 4) if isinstance(value, int | float) and 0 <= value <= 100 else None
