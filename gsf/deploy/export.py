"""Checkpoints as files for other programs, bound to where they come from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gsf.errors import ProvenanceError, TrainError
from gsf.nn.export import Exported, Format, export_model
from gsf.params.base import read_yaml
from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import linked_inputs, read_receipt
from gsf.train.checkpoint import read_checkpoint


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
