"""Checkpoints: weights in safetensors, with what is needed to build the network again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from gsf.errors import TrainError
from gsf.nn.model import VideoModel, create_model
from gsf.params.base import validate
from gsf.params.model import Model
from gsf.provenance.hashing import canonical_json, write_atomically


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says of itself."""

    model: Model
    classes: list[str]
    epoch: int | None
    seed: int | None
    imported: str | None = None  # sha256 of the file that it was converted from; None where it was trained here


def build_model(model: Model, *, num_classes: int, pretrained: str | Path | None = None) -> VideoModel:
    """The network of a model file; `pretrained` as in `create_model`."""
    return create_model(
        model.backbone,
        model.temporal,
        num_classes,
        model.num_segments,
        ratio=model.ratio,
        dropout=model.dropout,
        pretrained=pretrained,
        start=model.start,
        gate=model.gate,
        fuse=model.fuse,
        interleave=model.interleave,
        causal=model.causal,
        where=model.where,
    )


def write_checkpoint(path: Path, weights: dict[str, torch.Tensor], info: CheckpointInfo) -> None:
    """Write weights and info; the bytes follow from them (one metadata key: several would be in random order)."""
    metadata: dict[str, Any] = {
        "model": info.model.model_dump(),
        "classes": info.classes,
        "epoch": info.epoch,
        "seed": info.seed,
    }
    if info.imported is not None:
        metadata["imported"] = info.imported
    tensors = {name: value.detach().contiguous().cpu() for name, value in weights.items()}
    write_atomically(path, save(tensors, metadata={"gsf": canonical_json(metadata).decode()}))


def read_checkpoint(path: Path) -> tuple[VideoModel, CheckpointInfo]:
    """The network in evaluation mode and what its checkpoint says; TrainError where it is not one."""
    try:
        with safe_open(path, framework="pt") as file:
            content = json.loads((file.metadata() or {})["gsf"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise TrainError(f"{path}: no such checkpoint; run the train stage, or `dvc pull`") from None
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise TrainError(f"{path}: is not a checkpoint of gsf: {error}") from error
    info = CheckpointInfo(
        model=validate(Model, content["model"], where=f"{path}: model"),
        classes=content["classes"],
        epoch=content["epoch"],
        seed=content["seed"],
        imported=content.get("imported"),
    )
    network = build_model(info.model, num_classes=len(info.classes))
    network.load_state_dict(weights)
    return network.eval(), info
