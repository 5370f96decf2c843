"""A project after its evaluations, made of small files with true receipts: what a report starts from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from gsf.evaluate.metrics import compute_metrics, confusion_rows
from gsf.evaluate.scores import Scores, write_scores
from gsf.project import Project
from gsf.provenance.hashing import canonical_json, write_atomically
from gsf.provenance.receipt import Input, Receipt, StageResult, linked_inputs, seal
from gsf.tables import write_table

CLASSES = ("down", "left", "right", "spin", "up")
PAIRS = [["left", "right"], ["up", "down"]]
RUNS = ("tsn-s0", "gsf-s0", "gsf-s1")
PROTOCOLS = ("8x1x1", "8x2x3")
VIDEOS = 40
EXCLUDED = {"id": "up/9.mp4", "split": "test", "label": "up", "reason": "no frame\ncould be decoded"}

PLAN = {
    "study": "tiny",
    "threads": 1,
    "devices": 1,
    "train_options": {"threads": 1},
    "rendered": ["arrow"],
    "scanned": [],
    "annotated": [],
    "benchmarks": {"arrow": {"origin": "data/arrow/render.receipt.json", "annotations": "data/arrow/annotations.csv"}},
    "shards": {"arrow-00": {"benchmark": "arrow", "shard": "00"}},
    "experiments": {
        f"tiny-{run}": {
            "run": run,
            "experiment": run.split("-")[0],
            "benchmark": "arrow",
            "model": run.split("-")[0],
            "recipe": "quick",
            "seed": int(run[-1]),
        }
        for run in RUNS
    },
    "imports": {},
    "evaluations": {
        f"tiny-{run}-{protocol}": {"run": run, "benchmark": "arrow", "protocol": protocol}
        for run in RUNS
        for protocol in PROTOCOLS
    },
}


def make_evaluated(root: Path) -> Project:
    """The project; its README.md has the markers of the study `tiny`."""
    project = Project(root)
    write_atomically(root / "requirements.lock", b"torch==0\n")
    write_atomically(root / "dvc.yaml", b"stages: {}\n")
    write_atomically(project.plan_file, json.dumps(PLAN).encode())  # JSON is YAML
    write_atomically(root / "README.md", b"# Before\n\n<!-- results:tiny -->\nold\n<!-- /results:tiny -->\n\nafter\n")
    _make_benchmark(project)
    for seed, run in enumerate(RUNS):
        _make_training(project, run, seed=seed)
        for protocol in PROTOCOLS:
            make_evaluation(project, run, protocol, skill=0.0 if run.startswith("tsn") else 2.0 + seed)
    return project


def make_evaluation(project: Project, run: str, protocol: str, *, skill: float, pairs: object = None) -> Receipt:
    """Random scores, better the higher `skill` is."""
    place = ("tiny", run, protocol)
    _, clips, crops = (int(part) for part in protocol.split("x"))
    generator = np.random.default_rng([len(run), int(10 * skill), clips])
    labels = np.arange(VIDEOS) % len(CLASSES)
    logits = generator.normal(size=(VIDEOS, clips * crops, len(CLASSES))).astype(np.float32)
    logits[np.arange(VIDEOS), :, labels] += skill
    ids = tuple(f"{i}.mp4" for i in range(VIDEOS))
    scores = Scores(ids, CLASSES, labels.astype(np.int64), logits, clips, crops, "logits")
    chosen: Sequence[Sequence[str]] = PAIRS if pairs is None else pairs  # type: ignore[assignment]
    write_scores(project.scores(*place), scores)
    metrics = compute_metrics(scores, reversal_pairs=chosen, excluded=1)
    write_atomically(project.metrics(*place), canonical_json(metrics))
    write_table(project.confusion(*place), ("actual", "predicted"), confusion_rows(scores))
    inputs = linked_inputs(project, project.train_receipt("tiny", run), [project.checkpoint("tiny", run)])
    inputs += linked_inputs(project, project.manifest_receipt("arrow"), [project.manifest("arrow")])
    outputs = [project.scores(*place), project.metrics(*place), project.confusion(*place)]
    return _seal(project, f"evaluate@tiny-{run}-{protocol}", inputs, outputs, project.evaluate_receipt(*place))


def _make_benchmark(project: Project) -> None:
    annotations = project.data("arrow") / "annotations.csv"
    write_atomically(annotations, b"path,label,split,sha256\n")
    rendered = project.render_receipt("arrow")
    _seal(project, "render@arrow", [], [annotations], rendered)
    write_atomically(project.inventory("arrow"), b"id,path\n")
    inputs = linked_inputs(project, rendered, [annotations])
    _seal(project, "inventory@arrow", inputs, [project.inventory("arrow")], project.inventory_receipt("arrow"))
    inputs = linked_inputs(project, project.inventory_receipt("arrow"), [project.inventory("arrow")])
    extracted = project.extracted("arrow", "00")
    write_atomically(extracted, b"id,frames\n")
    _seal(project, "extract@arrow-00", inputs, [extracted], project.extract_receipt("arrow", "00"))
    info = {
        "benchmark": "arrow",
        "classes": list(CLASSES),
        "flip": "free",
        "flip_pairs": [],
        "reversal_pairs": PAIRS,
        "counts": {"train": 100, "val": 20, "test": VIDEOS},
        "videos": 120 + VIDEOS,
        "excluded_count": 1,
        "excluded": [EXCLUDED],
    }
    write_atomically(project.manifest("arrow"), b"id,split,label,class_index,shard,frames\n")
    write_atomically(project.manifest_info("arrow"), json.dumps(info).encode())
    outputs = [project.manifest("arrow"), project.manifest_info("arrow")]
    inputs += linked_inputs(project, project.extract_receipt("arrow", "00"), [extracted])
    _seal(project, "manifest@arrow", inputs, outputs, project.manifest_receipt("arrow"))


def _make_training(project: Project, run: str, *, seed: int) -> None:
    place = ("tiny", run)
    tensors = {"w": np.full((7, 11), seed, np.float32), "bn.running_mean": np.zeros(5, np.float32)}
    project.training(*place).mkdir(parents=True)
    save_file(tensors, project.checkpoint(*place))
    columns = ("epoch", "lr", "train_loss", "train_top1", "val_loss", "val_top1")
    # Validated every second epoch.
    rows = [
        (e, 0.1, 2.5 * 0.8**e + 0.1 * seed, 0.5, "" if e % 2 else 1.5, "" if e % 2 else 0.2 + 0.03 * e * seed)
        for e in range(1, 13)
    ]
    write_table(project.curves(*place), columns, rows)
    summary = {"epochs": 12, "best_epoch": 12, "kept_epoch": 12, "val_top1": 0.5, "train_loss": 0.2, "clips": 100}
    write_atomically(project.training_summary(*place), canonical_json(summary))
    inputs = linked_inputs(project, project.manifest_receipt("arrow"), [project.manifest("arrow")])
    outputs = [project.checkpoint(*place), project.curves(*place), project.training_summary(*place)]
    _seal(project, f"train@tiny-{run}", inputs, outputs, project.train_receipt(*place))


def _seal(project: Project, stage: str, inputs: Sequence[Input], outputs: Sequence[Path], receipt: Path) -> Receipt:
    name, _, rest = stage.partition("@")
    command = ["gsf", name, rest]
    if name == "evaluate":
        study, run, protocol = rest.split("-")[0], "-".join(rest.split("-")[1:3]), rest.split("-", 3)[3]
        command = ["gsf", "evaluate", "arrow", "--study", study, "--run", run, "--protocol", protocol]
    return seal(project, StageResult(stage, command, {}, inputs, outputs, entry="gsf.errors"), receipt)
