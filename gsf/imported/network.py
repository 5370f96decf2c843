"""The network of a checkpoint that was trained elsewhere, and what the file says of it."""

from __future__ import annotations

import math
from pathlib import Path

from gsf.errors import TrainError
from gsf.nn.model import VideoModel
from gsf.nn.released import Released, load_released


def read_network(path: Path, *, num_segments: int) -> tuple[VideoModel, Released]:
    """Read a checkpoint in a released format; TrainError where it is not one, or would run code when read."""
    try:
        model = load_released(path, num_segments=num_segments)
    except ValueError as error:
        raise TrainError(str(error)) from error
    assert model.released is not None  # load_released sets it
    return model, model.released


def epoch_of(released: Released) -> int | None:
    """The epoch at which a checkpoint was saved, if it says so."""
    number = _number(released, "epoch")
    return int(number) if number is not None else None


def accuracy_of(released: Released) -> float | None:
    """Validation top-1 in percent, one clip and centre crop, as the training saw it; if the checkpoint says so."""
    number = _number(released, "best_prec1")
    return round(number, 4) if number is not None else None


def _number(released: Released, key: str) -> float | None:
    """A fact that may be a text, as in the metadata of a safetensors file."""
    try:
        number = float(released.facts[key])
    except (KeyError, ValueError):
        return None
    return number if math.isfinite(number) else None
