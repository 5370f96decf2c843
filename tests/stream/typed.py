"""`gsf stream` as it is typed, and untrained networks to type it with."""

from __future__ import annotations

import torch

from gsf.cli import main
from gsf.data.lists import read_manifest
from gsf.params.base import load
from gsf.params.model import Model
from gsf.project import Project
from gsf.provenance.receipt import StageResult, seal
from gsf.train.checkpoint import CheckpointInfo, build_model, write_checkpoint

T = 4  # frames of a clip


def write_network(project: Project, run: str, *, causal: bool) -> None:
    """A checkpoint with its receipt, as a training of the study `s` leaves them."""
    model = load(Model, project.params_file("models", "gsf")).model_copy(update={"causal": causal, "num_segments": T})
    classes = list(read_manifest(project, "arrow").classes)
    torch.manual_seed(0)
    network, path = build_model(model, num_classes=len(classes)), project.checkpoint("s", run)
    write_checkpoint(path, network.state_dict(), CheckpointInfo(model=model, classes=classes, epoch=1, seed=0))
    result = StageResult(f"train@s-{run}", ["gsf", "train", "arrow"], {}, inputs=[], outputs=[path], entry="gsf.errors")
    seal(project, result, project.train_receipt("s", run))


def stream(*arguments: str, model: str = "gsf-causal-s0") -> int:
    """Its exit code."""
    return main(["stream", *arguments, "--model", model, "--device", "cpu"])
