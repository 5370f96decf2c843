"""A finished study with real videos, shards, networks and scores; and one whose names are out to harm."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from gsf.data.inputs import data_inputs
from gsf.evaluate import stage as evaluate
from gsf.evaluate.metrics import compute_metrics
from gsf.evaluate.scores import Scores, write_scores
from gsf.params.base import load
from gsf.params.model import Model
from gsf.pipeline.study import activate
from gsf.project import Project
from gsf.provenance.hashing import canonical_json, write_atomically
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Input, StageResult, linked_inputs, read_receipt, seal
from gsf.report import stage as report
from gsf.tables import write_table
from gsf.train.checkpoint import CheckpointInfo, build_model, write_checkpoint

_STUDY = """\
study: demo
threads: 1
seeds: [0]
protocols: [2x1x1, 2x2x3]
experiments:
  tsn: {benchmark: arrow, model: tsn, recipe: quick}
  gsf: {benchmark: arrow, model: gsf, recipe: quick}
"""
RUNS, PROTOCOLS = ("tsn-s0", "gsf-s0"), ("2x1x1", "2x2x3")

# What a name must not do: begin an element, end an attribute, turn the direction of writing, leave a folder.
SCRIPT, QUOTES, TURNED = "<script>alert('x')</script>", '"\' onload="alert(1)" &amp;', "tfel \u202e\u2066 ../../up"
HOSTILE = (SCRIPT, QUOTES, TURNED)


def make_shown(data: Project, root: Path) -> Project:
    """The project `demo`: two untrained networks, evaluated and reported."""
    shutil.copytree(data.root, root, ignore=shutil.ignore_patterns(".work"))
    project = Project(root)
    study = project.params_file("studies", "demo")
    write_atomically(study, _STUDY.encode())
    write_atomically(root / ".gitignore", b"/data/\n/runs/\n/.work/\n/results/site/\n")
    activate(project, "demo")
    for run in RUNS:
        _network(project, run)
        for protocol in PROTOCOLS:
            words = {"benchmark": "arrow", "study": "demo", "run": run, "protocol": protocol, "device": "cpu"}
            evaluate.run(project, **words, threads=1, workers=0)  # type: ignore[arg-type]
    report.run(project, "demo")
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@x.y", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True)
    return project


def _network(project: Project, run: str) -> None:
    name = run.split("-")[0]
    model, recipe = project.params_file("models", name), project.params_file("recipes", "quick")
    params = load(Model, model)
    classes = json.loads(project.manifest_info("arrow").read_bytes())["classes"]
    torch.manual_seed(len(run))
    weights = build_model(params, num_classes=len(classes)).state_dict()
    write_checkpoint(project.checkpoint("demo", run), weights, CheckpointInfo(params, classes, epoch=3, seed=0))
    columns = ("epoch", "lr", "train_loss", "train_top1", "val_loss", "val_top1")
    rows = [(1, 0.01, 2.4, 0.2, 2.1, 0.1), (2, 0.01, 1.6, 0.4, "", ""), (3, 0.01, 1.1, 0.6, 1.5, 0.3)]
    write_table(project.curves("demo", run), columns, rows)
    write_atomically(project.training_summary("demo", run), canonical_json({"kept_epoch": 3, "epochs": 3}))
    words = f"gsf train arrow --study demo --run {run} --model {name} --recipe quick --seed 0 --threads 1"
    files = [project.checkpoint("demo", run), project.curves("demo", run), project.training_summary("demo", run)]
    used = params_used(project, model) | params_used(project, recipe)
    _seal(project, f"train@demo-{run}", words.split(), data_inputs(project, "arrow"), files, used, "train", run)


def make_hostile(root: Path) -> Project:
    """The project `bad`: classes, videos and an experiment with hostile names; the results folder alone."""
    project = Project(root)
    write_atomically(root / "requirements.lock", b"torch==0\n")
    write_atomically(root / "dvc.yaml", b"stages: {}\n")
    data, kept = project.data("mine"), project.results("bad")
    ids = [f"{name.replace('/', '_')}/{number}.mp4" for name in HOSTILE for number in range(2)]
    labels = [name for name in HOSTILE for _ in range(2)]
    inventory = [(video, video, label, "test", "00", 7, "ab" * 32) for video, label in zip(ids, labels, strict=True)]
    write_table(project.inventory("mine"), ("id", "path", "label", "split", "shard", "bytes", "sha256"), inventory)
    rows = [(v, "test", n, HOSTILE.index(n), "00", v, 0, 9) for v, n in zip(ids, labels, strict=True)]
    columns = ("id", "split", "label", "class_index", "shard", "video", "start", "frames")
    write_table(project.manifest("mine"), columns, rows)
    info = {"classes": list(HOSTILE), "reversal_pairs": [], "counts": {"test": len(ids)}, "excluded_count": 0}
    write_atomically(project.manifest_info("mine"), canonical_json(info))
    logits = np.eye(3, dtype=np.float32)[np.array([0, 1, 1, 2, 2, 0])][:, None]
    index = np.array([HOSTILE.index(label) for label in labels], dtype=np.int64)
    scores = Scores(tuple(ids), HOSTILE, index, logits, 1, 1, "logits")
    place = ("bad", "net-s0", "8x1x1")
    write_scores(project.scores(*place), scores)
    metrics = compute_metrics(scores, reversal_pairs=[], excluded=0)
    write_atomically(project.metrics(*place), canonical_json(metrics))

    made = project.inventory_receipt("mine")
    facts = {"videos_digest": "00", "videos": len(ids)}
    words, files = ["gsf", "inventory", "mine"], [project.inventory("mine")]
    _seal(project, "inventory@mine", words, [], files, {}, made, facts=facts)
    inputs = linked_inputs(project, made, [project.inventory("mine")])
    listed, files = project.manifest_receipt("mine"), [project.manifest("mine"), project.manifest_info("mine")]
    _seal(project, "manifest@mine", ["gsf", "manifest", "mine"], inputs, files, {}, listed)
    inputs = linked_inputs(project, listed, files)
    words = ["gsf", "evaluate", "mine", "--study", "bad", "--run", SCRIPT, "--protocol", QUOTES]
    files = [project.scores(*place), project.metrics(*place)]
    proof = project.evaluate_receipt(*place)
    _seal(project, f"evaluate@bad-{SCRIPT}", words, inputs, files, {SCRIPT: {QUOTES: TURNED}}, proof)
    cells = [
        {"benchmark": "mine", "experiment": name, "protocol": QUOTES, "metric": metric, "value": value, "n": len(ids),
         "receipt": read_receipt(proof).digest, "low": 0.1, "high": 0.9}
        for name in (SCRIPT, TURNED) for metric, value in (("top1", metrics["top1"]), (QUOTES, 0.5))
    ]  # fmt: skip
    write_atomically(kept / "results.json", json.dumps(cells).encode())
    for path in (made, listed, proof):
        write_atomically(kept / "receipts" / f"{read_receipt(path).digest}.json", path.read_bytes())
    shutil.copytree(data, kept / "evidence" / "mine")
    return project


def _seal(
    project: Project,
    stage: str,
    words: Sequence[str],
    inputs: Sequence[Input],
    files: Sequence[Path],
    params: dict[str, object],
    *place: object,
    facts: dict[str, object] | None = None,
) -> None:
    path = place[0] if isinstance(place[0], Path) else project.train_receipt("demo", str(place[1]))
    result = StageResult(stage, words, params, inputs, files, entry="gsf.errors", tools=["numpy"], facts=facts or {})
    seal(project, result, path)
