"""The finished study of tests/provenance, whose checkpoints are networks, as real ones are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.numpy import save_file

from gsf.params.base import validate
from gsf.params.model import Model
from gsf.project import Project
from gsf.train.checkpoint import CheckpointInfo, build_model, write_checkpoint
from tests.proof.finished import finish

MODEL = {
    "name": "net",
    "backbone": "resnet18",
    "temporal": "gsf",
    "num_segments": 2,
    "input_size": 32,
    "short_side": 36,
}
CLASSES = ["left", "right"]
DESCRIBED = {"model": validate(Model, MODEL, where="net").model_dump(), "classes": CLASSES, "epoch": 3, "seed": 0}


def finish_with_networks(data: Project, root: Path) -> Project:
    """A finished study of which networks can be registered, and answer."""

    def save(tensors: dict[str, npt.NDArray[np.float32]], path: Path) -> None:
        if path.name == "checkpoint.safetensors":
            write_network(path)
        else:
            save_file(tensors, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.proof.finished.save_file", save)
        return finish(data, root)


def write_network(path: Path) -> None:
    """A checkpoint of MODEL before its first step."""
    torch.manual_seed(0)
    model = validate(Model, MODEL, where="net")
    network = build_model(model, num_classes=len(CLASSES))
    write_checkpoint(path, network.state_dict(), CheckpointInfo(model=model, classes=CLASSES, epoch=3, seed=0))
