"""Trainings and evaluations with real receipts around made-up numbers, in a project of the test's own."""

from __future__ import annotations

import json
from pathlib import Path

from gsf.project import Project
from gsf.provenance.hashing import canonical_json, write_atomically
from gsf.provenance.receipt import Input, Receipt, StageResult, root_input, seal
from gsf.tables import write_table
from gsf.tracking.journal import JournalObserver
from gsf.tracking.points import CURVES
from gsf.tracking.record import journal_path

BENCHMARK = "toy"
CLASSES = ("left", "right")


def make_project(root: Path) -> Project:
    """A project with a manifest and nothing trained."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "requirements.lock").write_text("torch==0\n")
    project = Project(root)
    write_table(project.manifest(BENCHMARK), ("id", "split"), [("a.mp4", "train"), ("b.mp4", "test")])
    info = {
        "classes": list(CLASSES),
        "counts": {"train": 3, "val": 0, "test": 2},
        "excluded": [{"id": "c.mp4", "split": "test", "label": "left", "reason": "no frames"}],
    }
    write_atomically(project.manifest_info(BENCHMARK), canonical_json(info))
    return project


def curve(epoch: int, *, scale: float = 1.0) -> dict[str, float]:
    """Made-up measurements of an epoch."""
    top1 = scale * (1 - 1 / (epoch + 1))
    return {"lr": 0.01, "train_loss": 1 / epoch, "train_top1": top1, "val_loss": 1.1 / epoch, "val_top1": top1 / 2}


def start(observer: object, run: str, *, study: str = "demo", key: str = "k1") -> None:
    """Begin as the train stage does."""
    model = _model(run)
    observer.start(  # type: ignore[attr-defined]
        {"benchmark": BENCHMARK, "model.name": model["name"], "model.temporal": model["temporal"], "seed": 0},
        {"gsf.training": f"{study}/{run}", "gsf.training_key": key},
    )


def write_journal(
    project: Project, run: str, *, epochs: int, key: str = "k1", end: str | None = "finished", study: str = "demo"
) -> None:
    observer = JournalObserver(journal_path(project, study=study, run=run))
    start(observer, run, key=key, study=study)
    for epoch in range(1, epochs + 1):
        observer.epoch(epoch, curve(epoch))
    if end is not None:
        observer.end(end)  # type: ignore[arg-type]


def train(
    project: Project, run: str, *, epochs: int = 3, key: str = "k1", scale: float = 1.0, study: str = "demo"
) -> Receipt:
    """Outputs and receipt of a training."""
    rows = [(epoch, *(curve(epoch, scale=scale)[name] for name in CURVES)) for epoch in range(1, epochs + 1)]
    write_table(project.curves(study, run), ("epoch", *CURVES), rows)
    write_atomically(project.training_summary(study, run), canonical_json({"epochs": epochs}))
    write_atomically(project.checkpoint(study, run), b"weights")
    return seal(
        project,
        StageResult(
            stage=f"train@{study}-{run}",
            command=["gsf", "train", BENCHMARK, "--study", study, "--run", run],
            params={
                "params/models/net.yaml": _model(run),
                "params/recipes/arrow.yaml": {"name": "arrow", "epochs": epochs, "optimizer": {"lr": 0.01}},
            },
            inputs=[root_input(project, path) for path in _manifest(project)],
            outputs=[project.curves(study, run), project.training_summary(study, run), project.checkpoint(study, run)],
            entry="gsf.tracking.journal",
            seed=0,
            facts={"threads": 1, "training": key},
        ),
        project.train_receipt(study, run),
    )


def evaluate(
    project: Project,
    run: str,
    trained: Receipt,
    *,
    protocol: str = "8x1x1",
    time: str = "forward",
    top1: float = 0.75,
    study: str = "demo",
) -> Receipt:
    """Outputs and receipt of an evaluation; its protocol is named frames x clips x crops, and by its time."""
    metrics = {"n": 2, "top1": top1, "top5": 1.0, "mean_class": top1, "pair_accuracy": top1, "excluded": 1}
    metrics |= {"intervals": {"top1": [top1 / 2, 1.0]}}
    write_atomically(project.metrics(study, run, protocol), canonical_json(metrics))
    pairs = [("left", "left"), ("right", "left")]
    write_table(project.confusion(study, run, protocol), ("actual", "predicted"), pairs)
    checkpoint = project.relative(project.checkpoint(study, run))
    frames, clips, crops = (int(number) for number in protocol.partition("-")[0].split("x"))
    looks = {"name": protocol, "frames": frames, "clips": clips, "crops": crops, "time": time}
    weights = Input(path=checkpoint, sha256=trained.outputs[checkpoint], receipt=trained.digest)
    return seal(
        project,
        StageResult(
            stage=f"evaluate@{study}-{run}-{protocol}",
            command=["gsf", "evaluate", BENCHMARK, "--study", study, "--run", run, "--protocol", protocol],
            params={f"params/protocols/{protocol}.yaml": looks},
            inputs=[*(root_input(project, path) for path in _manifest(project)), weights],
            outputs=[project.metrics(study, run, protocol), project.confusion(study, run, protocol)],
            entry="gsf.tracking.journal",
        ),
        project.evaluate_receipt(study, run, protocol),
    )


def _model(run: str) -> dict[str, object]:
    """A network whose temporal module is named by its run."""
    temporal = run.split("-")[0]
    size = {"num_segments": 2, "input_size": 32, "short_side": 36}
    module = "none" if temporal == "tsn" else temporal
    return {"name": f"{temporal}-net", "backbone": "resnet18", "temporal": module, **size}


def dataset_profile(text: str) -> dict[str, int]:
    return dict(json.loads(text))


def _manifest(project: Project) -> list[Path]:
    return [project.manifest(BENCHMARK), project.manifest_info(BENCHMARK)]
