"""A network that nobody trained, where a training would leave it."""

from __future__ import annotations

import torch

from gsf.data.lists import read_manifest
from gsf.params.base import load
from gsf.params.model import Model
from gsf.project import Project
from gsf.provenance.receipt import StageResult, seal
from gsf.train.checkpoint import CheckpointInfo, build_model, write_checkpoint


def write_training(project: Project, *, classes: list[str] | None = None, benchmark: str = "arrow") -> None:
    """The run `gsf-s0` of the study `s`: an untrained checkpoint with its receipt."""
    model = load(Model, project.params_file("models", "gsf"))
    names = classes or list(read_manifest(project, benchmark).classes)
    torch.manual_seed(0)
    network = build_model(model, num_classes=len(names))
    path = project.checkpoint("s", "gsf-s0")
    write_checkpoint(path, network.state_dict(), CheckpointInfo(model=model, classes=names, epoch=1, seed=0))
    command = ["gsf", "train", benchmark]
    seal(
        project,
        StageResult("train@s-gsf-s0", command, {}, inputs=[], outputs=[path], entry="gsf.errors"),
        project.train_receipt("s", "gsf-s0"),
    )
