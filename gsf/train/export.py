"""Checkpoints as files for other programs, and networks by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch

from gsf.errors import ParamsError, ProvenanceError, TrainError
from gsf.nn.export import Exported, Format, export_model
from gsf.nn.insertion import Temporal
from gsf.nn.model import VideoModel, create_model
from gsf.params.base import load, read_yaml
from gsf.params.model import Model
from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import linked_inputs, read_receipt
from gsf.train.checkpoint import build_model, read_checkpoint


def export_checkpoint(source: str, output: Path, *, format: Format) -> Exported:
    """Export a checkpoint, checked; the file names its classes, its preprocessing and where it comes from.

    Args:
        source: a checkpoint file, or a run of the active study (`gsf-s0`), whose checkpoint must be what its receipt
            says.
        output: the file to write, see `gsf.nn.export.export_model`.
    """
    if source.endswith(".safetensors") or "/" in source:
        path = Path(source)
        receipt = _receipt_beside(path)
    else:
        path, receipt = _of_run(Project.here(), source)
    network, info = read_checkpoint(path)
    model = info.model
    network.preprocessing = replace(network.preprocessing, size=model.input_size, short_side=model.short_side)
    metadata: dict[str, Any] = {
        "classes": info.classes,
        "model": model.model_dump(),
        "checkpoint": {"sha256": sha256_file(path), "receipt": receipt},
    }
    return export_model(network, output, format=format, metadata=metadata)


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
        with torch.device("meta"):
            return create_model(backbone, cast("Temporal", temporal), num_classes, num_segments, ratio=ratio)
    if num_segments is not None or ratio is not None:
        raise ParamsError(
            f"model {name}: segments or ratio is given, must be left to params/models/{name}.yaml; "
            "name the network as backbone/temporal"
        )
    params = load(Model, _model_file(name))
    with torch.device("meta"):
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


def _of_run(project: Project, run: str) -> tuple[Path, str]:
    study = str(read_yaml(project.plan_file)["study"])
    path = project.checkpoint(study, run)
    if not path.is_file():
        here = sorted(found.parent.name for found in path.parent.parent.glob(f"*/{path.name}"))
        raise TrainError(
            f"{project.relative(path)}: no such checkpoint, must be a file or a run of the active study {study} "
            f"(here: {', '.join(here) or 'none'}); run the train stage, or `dvc pull`"
        )
    (found,) = linked_inputs(project, project.train_receipt(study, run), [path])
    assert found.receipt is not None
    return path, found.receipt


def _receipt_beside(path: Path) -> str | None:
    """Digest of the receipt that lies beside a checkpoint and promises its bytes; None where there is none."""
    beside = path.parent / "receipt.json"
    if not path.is_file() or not beside.is_file():
        return None
    receipt = read_receipt(beside)
    promised = [digest for name, digest in receipt.outputs.items() if Path(name).name == path.name]
    if promised != [sha256_file(path)]:
        raise ProvenanceError(
            f"{path}: is not what {beside} says, must be the checkpoint that its stage wrote; run stage "
            f"{receipt.stage} again, or move the file away from a receipt that is not its own"
        )
    return receipt.digest
