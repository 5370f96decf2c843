"""A small finished study: real videos and shards; weights, scores and report made up, but sealed like real ones."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from safetensors.numpy import save_file

from gsf.pipeline.study import activate
from gsf.project import Project
from gsf.proof.chain import work_receipts
from gsf.provenance.hashing import canonical_json
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Input, StageResult, linked_inputs, read_receipt, root_input, seal

STUDY, BENCHMARK, PROTOCOL = "demo", "arrow", "2x1x1"
RUNS = {"tsn-s0": 0.5, "gsf-s0": 0.75}
_STUDY = """\
study: demo
threads: 1
seeds: [0]
protocols: [2x1x1]
experiments:
  tsn: {benchmark: arrow, model: tsn, recipe: quick}
  gsf: {benchmark: arrow, model: gsf, recipe: quick}
"""
REPOSITORY = Path(__file__).resolve().parents[2]


def finish(data: Project, root: Path) -> Project:
    """A copy of a project with data, with two trainings, their evaluations, a report, dvc.lock and a commit."""
    shutil.copytree(data.root, root, ignore=shutil.ignore_patterns(".work"))
    project = Project(root)
    shutil.copy(REPOSITORY / "dvc.yaml", root / "dvc.yaml")
    (root / ".gitignore").write_text("/data/\n/runs/\n/.work/\n", encoding="utf-8")
    study = project.params_file("studies", STUDY)
    study.parent.mkdir(exist_ok=True)
    study.write_text(_STUDY, encoding="utf-8")
    activate(project, STUDY)
    for run, value in RUNS.items():
        _train(project, run, value)
        _evaluate(project, run, value)
    write_report(project)
    write_lock(project)
    git(project, "init", "--quiet")
    commit(project)
    return project


def _train(project: Project, run: str, value: float) -> None:
    model, recipe = project.params_file("models", run[:3]), project.params_file("recipes", "quick")
    project.training(STUDY, run).mkdir(parents=True)
    save_file({"layer.weight": np.full((2, 2), value, np.float32)}, project.checkpoint(STUDY, run))
    curves = "epoch,lr,train_loss,train_top1,val_loss,val_top1\n" + "".join(
        f"{epoch},0.01,{1 / epoch},{value},{1 / epoch},{value}\n" for epoch in (1, 2, 3)
    )
    project.curves(STUDY, run).write_text(curves, encoding="utf-8")
    summary = {"epochs": 3, "best_epoch": 3, "kept_epoch": 3, "val_top1": value, "train_loss": 1.0, "clips": 12}
    project.training_summary(STUDY, run).write_bytes(canonical_json(summary))
    words = f"gsf train {BENCHMARK} --study {STUDY} --run {run} --model {run[:3]} --recipe quick --seed 0 --threads 1"
    seal(
        project,
        StageResult(
            stage=f"train@{STUDY}-{run}",
            command=words.split(),
            params=params_used(project, model) | params_used(project, recipe),
            inputs=_data(project),
            outputs=[project.checkpoint(STUDY, run), project.curves(STUDY, run), project.training_summary(STUDY, run)],
            entry="gsf.train.stage",
            tools=["numpy"],
            seed=0,
        ),
        project.train_receipt(STUDY, run),
    )


def _evaluate(project: Project, run: str, value: float) -> None:
    place = (STUDY, run, PROTOCOL)
    project.evaluation(*place).mkdir(parents=True)
    save_file({"logits": np.full((12, 1, 2), value, np.float32)}, project.scores(*place))
    metrics = {"n": 12, "top1": value, "top5": 1.0, "mean_class": value, "per_class": {"left": value}, "excluded": 0}
    metrics |= {"pair_accuracy": value, "pair_n": 4}
    project.metrics(*place).write_bytes(canonical_json(metrics))
    project.confusion(*place).write_text("actual,predicted\n" + "left,right\n" * 12, encoding="utf-8")
    seal_evaluation(project, run, BENCHMARK, _data(project))


def seal_evaluation(
    project: Project, run: str, benchmark: str, data: Sequence[Input], *, subsets: str | None = None
) -> None:
    """The receipt of an evaluation whose outputs are what lies there."""
    place = (STUDY, run, PROTOCOL)
    asked = f"--subsets {subsets} " if subsets else ""
    words = f"gsf evaluate {benchmark} --study {STUDY} --run {run} --protocol {PROTOCOL} {asked}--threads 1"
    weights = linked_inputs(project, project.train_receipt(STUDY, run), [project.checkpoint(STUDY, run)])
    seal(
        project,
        StageResult(
            stage=f"evaluate@{STUDY}-{run}-{PROTOCOL}",
            command=words.split(),
            params=params_used(project, project.params_file("protocols", PROTOCOL)),
            inputs=[*data, *weights],
            outputs=[project.scores(*place), project.metrics(*place), project.confusion(*place)],
            entry="gsf.evaluate.stage",
            tools=["numpy"],
        ),
        project.evaluate_receipt(*place),
    )


def write_report(project: Project) -> None:
    """The results folder of the study, laid out as `gsf report` does."""
    folder, inputs, cells = project.results(STUDY), [root_input(project, project.plan_file)], []
    copies = {f"{BENCHMARK}/{path.name}": path for path in _benchmark_files(project)}
    for run in RUNS:
        place = (STUDY, run, PROTOCOL)
        receipt = read_receipt(project.evaluate_receipt(*place))
        files = [project.metrics(*place), project.scores(*place)]
        inputs += linked_inputs(project, project.evaluate_receipt(*place), files)
        copies |= {f"{run}/{PROTOCOL}/{path.name}": path for path in files}
        metrics = json.loads(project.metrics(*place).read_bytes())
        for metric in ("pair_accuracy", "top1", "top5", "mean_class"):
            cell = {"benchmark": BENCHMARK, "experiment": run, "protocol": PROTOCOL, "metric": metric}
            n = metrics["pair_n" if metric == "pair_accuracy" else "n"]
            cells.append({**cell, "value": metrics[metric], "n": n, "receipt": receipt.digest})
    inputs += linked_inputs(project, project.inventory_receipt(BENCHMARK), [project.inventory(BENCHMARK)])
    written = {"results.json": json.dumps(cells, indent=1).encode(), "README.md": b"# demo\n"}
    written |= {f"evidence/{name}": path.read_bytes() for name, path in copies.items()}
    written |= {f"receipts/{read_receipt(path).digest}.json": path.read_bytes() for path in work_receipts(project)}
    for name, data in written.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    seal_report(project, inputs, [folder / name for name in written])


def seal_report(project: Project, inputs: Sequence[Input], outputs: Sequence[Path]) -> None:
    """Write the receipt of the report."""
    result = StageResult(
        stage="report",
        command=["gsf", "report", STUDY],
        params={},
        inputs=inputs,
        outputs=outputs,
        entry="gsf.report.stage",
        tools=["numpy"],
    )
    seal(project, result, project.results(STUDY) / "report.receipt.json")
    # The page over all studies, which is no output of the stage.
    (project.root / "results" / "README.md").write_text("# Results\n", encoding="utf-8")


def _benchmark_files(project: Project) -> list[Path]:
    return [project.inventory(BENCHMARK), project.manifest(BENCHMARK), project.manifest_info(BENCHMARK)]


def _data(project: Project) -> list[Input]:
    manifest = [project.manifest(BENCHMARK), project.manifest_info(BENCHMARK)]
    inputs = linked_inputs(project, project.manifest_receipt(BENCHMARK), manifest)
    for shard in ("00", "01"):
        files = [project.shard(BENCHMARK, shard), project.extracted(BENCHMARK, shard)]
        inputs += linked_inputs(project, project.extract_receipt(BENCHMARK, shard), files)
    return inputs


def write_lock(project: Project) -> None:
    """A dvc.lock with the receipt of every stage, as DVC writes it."""
    stages = {}
    for path in [*work_receipts(project), project.results(STUDY) / "report.receipt.json"]:
        md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        out = {"path": project.relative(path), "hash": "md5", "md5": md5, "size": path.stat().st_size}
        receipt = read_receipt(path)
        stages[receipt.stage] = {"cmd": receipt.content["command"], "outs": [out]}
    (project.root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}), encoding="utf-8")


def commit(project: Project) -> None:
    """Commit all that git does not ignore."""
    git(project, "add", "--all")
    git(project, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "--message", "state")


def git(project: Project, *words: str) -> None:
    subprocess.run(["git", "-C", str(project.root), *words], check=True, capture_output=True)


def rewrite(path: Path, **changes: object) -> bytes:
    """Change keys of a JSON file and write it in canonical form; returns its bytes."""
    data = canonical_json({**json.loads(path.read_bytes()), **changes})
    path.write_bytes(data)
    return data
