"""Checkpoints as files for other programs, bound to where they come from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gsf.deploy.trained import find_trained
from gsf.nn.export import Exported, Format, export_model
from gsf.provenance.hashing import sha256_file
from gsf.train.checkpoint import read_checkpoint


def export_checkpoint(source: str, output: Path, *, format: Format) -> Exported:
    """Export a checkpoint, checked; the file names its classes, its preprocessing and where it comes from.

    Args:
        source: a checkpoint file, or a run of the active study, see `find_trained`.
        output: the file to write, see `gsf.nn.export.export_model`.
    """
    found = find_trained(source)
    network, info = read_checkpoint(found.path)
    model = info.model
    network.preprocessing = replace(network.preprocessing, size=model.input_size, short_side=model.short_side)
    metadata: dict[str, Any] = {
        "classes": info.classes,
        "model": model.model_dump(),
        "checkpoint": {"sha256": sha256_file(found.path), "receipt": found.digest},
    }
    return export_model(network, output, format=format, metadata=metadata)
