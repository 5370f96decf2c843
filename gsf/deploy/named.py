"""Networks by name: of a model file, or a backbone and a temporal module."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from gsf.errors import ParamsError
from gsf.nn.insertion import Temporal
from gsf.nn.model import VideoModel, create_model
from gsf.nn.shapes import ShapesOnly
from gsf.params.base import load
from gsf.params.model import Model
from gsf.project import Project
from gsf.train.checkpoint import build_model


def named_model(
    name: str, *, num_classes: int, num_segments: int | None = None, ratio: float | None = None
) -> VideoModel:
    """A network by name, without weights (on the meta device).

    Args:
        name: `backbone/temporal` (resnet50/gsf), or a file of params/models.
        num_classes: width of the logits.
        num_segments: frames T of a clip, 8 unless told; a file says it itself.
        ratio: share of the channels, 1 unless told; a file says it itself.
    """
    if "/" in name:
        backbone, _, temporal = name.rpartition("/")
        num_segments = 8 if num_segments is None else num_segments
        ratio = 1.0 if ratio is None else ratio
        with ShapesOnly():
            return create_model(backbone, cast("Temporal", temporal), num_classes, num_segments, ratio=ratio)
    if num_segments is not None or ratio is not None:
        raise ParamsError(
            f"model {name}: segments or ratio is given, must be left to params/models/{name}.yaml; "
            "name the network as backbone/temporal"
        )
    params = load(Model, _model_file(name))
    with ShapesOnly():
        model = build_model(params, num_classes=num_classes)
    model.preprocessing = replace(model.preprocessing, size=params.input_size, short_side=params.short_side)
    return model


def _model_file(name: str) -> Path:
    path = Project.here().params_file("models", name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml"))) or "none"
        raise ParamsError(
            f"model {name!r} is unknown, must be backbone/temporal (resnet50/gsf) or a file of params/models: {known}"
        )
    return path
