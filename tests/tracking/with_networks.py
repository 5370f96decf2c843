"""The finished study of tests/provenance, whose checkpoints also say what they are, as real ones do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import save_file

from gsf.project import Project
from tests.provenance.finished import finish

MODEL = {
    "name": "net",
    "backbone": "resnet18",
    "temporal": "gsf",
    "num_segments": 2,
    "input_size": 32,
    "short_side": 36,
}
DESCRIBED = {"model": MODEL, "classes": ["left", "right"], "epoch": 3, "seed": 0}


def finish_with_networks(data: Project, root: Path) -> Project:
    """A finished study of which networks can be registered."""

    def save(tensors: dict[str, npt.NDArray[np.float32]], path: Path) -> None:
        described = {"gsf": json.dumps(DESCRIBED)} if path.name == "checkpoint.safetensors" else None
        save_file(tensors, path, metadata=described)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.provenance.finished.save_file", save)
        return finish(data, root)
