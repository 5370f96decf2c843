"""Golden outputs of the released networks and the stand-in weights they were computed with; skips where absent."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.shared import needs_shared, shared_folder

SHARED = shared_folder()
REFERENCE = None if SHARED is None else SHARED / "reference"
needs_golden = needs_shared


def golden(name: str) -> Any:
    """Arrays of one golden file, by name without suffix."""
    assert REFERENCE is not None
    return np.load(REFERENCE / "golden" / f"{name}.npz")


def golden_keys(name: str) -> dict[str, list[int]]:
    """Published keys and shapes of one golden network."""
    assert REFERENCE is not None
    keys: dict[str, list[int]] = json.loads((REFERENCE / "golden" / f"{name}.keys.json").read_text())
    return keys


def stand_in(keys: dict[str, list[int]]) -> dict[str, Tensor]:
    """Stand-in weights for published keys and shapes."""
    return {key: torch.from_numpy(value) for key, value in _weights().weights(keys).items()}


def clip(seed: int, shape: tuple[int, ...]) -> Tensor:
    """The input of a golden file."""
    return torch.from_numpy(_weights().clip(seed, shape))


def real_weights(name: str) -> Path:
    """A file of real weights; skips the test without it."""
    path = Path() if SHARED is None else SHARED / "real" / "weights" / name
    if not path.is_file():
        pytest.skip(f"needs real/weights/{name} in the shared folder: set GSF_SHARED")
    return path


def relative_error(ours: Tensor, theirs: Any) -> float:
    """L2 norm of the difference over that of the golden array."""
    expected = torch.as_tensor(theirs)
    return float((ours.detach() - expected).norm() / expected.norm())


def _weights() -> Any:
    assert REFERENCE is not None
    spec = importlib.util.spec_from_file_location("gsf_reference_weights", REFERENCE / "weights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
