"""The convert stage: a checkpoint that was trained elsewhere in, a checkpoint of ours with its receipt out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from gsf.data.lists import read_manifest
from gsf.errors import TrainError
from gsf.imported.network import accuracy_of, epoch_of, read_network
from gsf.nn.released import Released
from gsf.params.base import load
from gsf.params.imported import Imported
from gsf.project import Project
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Input, Receipt, StageResult, hash_cache, linked_inputs, seal
from gsf.train.checkpoint import CheckpointInfo, build_model, write_checkpoint

ENTRY = "gsf.imported.stage"


def run(project: Project, *, benchmark: str, study: str, run: str, imported: str) -> Receipt:
    """Convert the network of one import for a benchmark and seal its receipt, of which the file is a root."""
    params_file = project.params_file("imports", imported)
    params, where = load(Imported, params_file), project.relative(params_file)
    path = project.root / params.checkpoint
    manifest = [project.manifest(benchmark), project.manifest_info(benchmark)]
    inputs = [*linked_inputs(project, project.manifest_receipt(benchmark), manifest)]
    inputs.append(_source(project, params, path, where=where))

    network, released = read_network(path, num_segments=params.num_segments)
    _check_is_described(released, params, where=where)
    classes = list(read_manifest(project, benchmark).classes)
    weights = network.state_dict()
    for key in ("classifier.weight", "classifier.bias"):
        weights[key] = weights[key][_order(params, classes, len(weights[key]), where=where, benchmark=benchmark)]
    build_model(params.model(), num_classes=len(classes)).load_state_dict(weights)
    info = CheckpointInfo(
        model=params.model(), classes=classes, epoch=epoch_of(released), seed=None, imported=params.sha256
    )
    write_checkpoint(project.checkpoint(study, run), weights, info)

    return seal(
        project,
        StageResult(
            stage=f"convert@{study}-{run}",
            command=["gsf", "convert", benchmark, "--study", study, "--run", run, "--imported", imported],
            params=params_used(project, params_file),
            inputs=inputs,
            outputs=[project.checkpoint(study, run)],
            entry=ENTRY,
            tools=["torch", "torchvision", "safetensors"],
            facts={
                "file": path.name,
                "sha256": params.sha256,
                "epoch": epoch_of(released),
                "best_prec1": accuracy_of(released),
                "classes": "the benchmark's" if params.classes is None else "as listed",
            },
        ),
        project.train_receipt(study, run),
    )


def _source(project: Project, params: Imported, path: Path, *, where: str) -> Input:
    """The file as a root; its path is not where it lies, which differs between machines."""
    if not path.is_file():
        raise TrainError(
            f"{where}: checkpoint is {params.checkpoint!r}, must be a file with sha256 {params.sha256[:12]}; put it"
            " there, or set checkpoint to where it lies"
        )
    found = hash_cache(project).sha256(path)
    if found != params.sha256:
        raise TrainError(
            f"{where}: {path.name} has sha256 {found[:12]}, must have {params.sha256[:12]}: it is not the file that was"
            " imported; restore it, or run `gsf import` on the new one under another name"
        )
    return Input(path=f"weights/{path.name}", sha256=found, receipt=None)


def _check_is_described(released: Released, params: Imported, *, where: str) -> None:
    """The import file speaks of the network in the checkpoint."""
    for key in ("backbone", "temporal", "ratio"):
        said, found = getattr(params, key), getattr(released, key)
        if said != found:
            raise TrainError(f"{where}: {key} is {said!r}, must be {found!r}, as in the checkpoint")


def _order(params: Imported, classes: Sequence[str], rows: int, *, where: str, benchmark: str) -> torch.Tensor:
    """For each class of the benchmark, the row of the checkpoint's classifier."""
    theirs = list(classes) if params.classes is None else params.classes
    if rows != len(theirs):
        whose = f"{benchmark} has" if params.classes is None else "classes lists"
        raise TrainError(
            f"{where}: the checkpoint has {rows} classes, {whose} {len(theirs)}, must be as many; import it for the"
            " benchmark it was trained on, or give its own list with --classes"
        )
    if set(theirs) != set(classes):
        other = ", ".join(sorted(set(theirs) ^ set(classes))[:5])
        raise TrainError(
            f"{where}: classes are not those of {benchmark}, must be the same in any order ({other}); list them as"
            f" data/{benchmark}/manifest.json does"
        )
    return torch.tensor([theirs.index(name) for name in classes])
