"""What a results table is made from: the evaluations of the active plan, each checked against its receipt."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from gsf.data.subsets import FILE as SUBSETS_FILE
from gsf.errors import EvaluationError
from gsf.evaluate.outcome import Outcome, outcome_of
from gsf.evaluate.scores import read_scores
from gsf.params.base import load
from gsf.params.ensemble import Weighted
from gsf.params.study import Plan, PlannedEnsemble, PlannedImport, PlannedRun, PlannedTraining
from gsf.project import ENSEMBLE, Project
from gsf.provenance.receipt import Input, Receipt, linked_inputs, read_receipt, root_input
from gsf.report.paired import Judged
from gsf.tables import read_table

CURVE_COLUMNS = ("epoch", "lr", "train_loss", "train_top1", "val_loss", "val_top1")
# State of batch normalisation: in the file, but nothing that training fits.
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class Evaluation:
    """One planned evaluation or ensemble: its metrics, the confusion of its videos, and its receipt."""

    training: PlannedRun
    protocol: str  # `ensemble` of an ensemble
    metrics: Mapping[str, Any]
    confusion: tuple[tuple[str, str], ...]  # actual, predicted; one a video
    outcome: Outcome
    receipt: Receipt

    @property
    def benchmark(self) -> str:
        return self.training.benchmark

    def judged(self) -> Judged:
        """As a comparison takes it."""
        settings = self.receipt.content["params"].get(f"params/protocols/{self.protocol}.yaml", {})
        return Judged(
            self.benchmark,
            self.training.run,
            self.protocol,
            settings,
            self.outcome,
            receipt=self.receipt.digest,
            members=self.members(),
        )

    def members(self) -> tuple[Weighted, ...]:
        """The evaluations that an ensemble averages; none of any other evaluation."""
        return self.training.weighted() if isinstance(self.training, PlannedEnsemble) else ()


@dataclass(frozen=True)
class Training:
    """One planned training: its curves by column (NaN where an epoch has no value) and its size."""

    training: PlannedTraining
    curves: Mapping[str, tuple[float, ...]]
    kept_epoch: int
    parameters: int


@dataclass(frozen=True)
class Import:
    """One network that was trained elsewhere: the file it came in, and its size."""

    planned: PlannedImport
    file: str  # its name
    sha256: str
    model: Mapping[str, Any]  # what the import file says of the network
    epoch: int | None  # as the file says
    best_prec1: float | None  # validation top-1 in percent, as the file says
    parameters: int


@dataclass(frozen=True)
class Material:
    """All that a report shows, and the inputs of its receipt."""

    plan: Plan
    evaluations: tuple[Evaluation, ...]
    trainings: tuple[Training, ...]
    imports: tuple[Import, ...]
    manifests: Mapping[str, Mapping[str, Any]]  # manifest.json by benchmark
    inputs: tuple[Input, ...]

    def imported(self, run: str) -> Import | None:
        """The import of a run; None for a training."""
        return next((item for item in self.imports if item.planned.run == run), None)

    def parameters(self, run: str) -> int:
        """Size of a run's network."""
        sizes = {item.training.run: item.parameters for item in self.trainings}
        sizes |= {item.planned.run: item.parameters for item in self.imports}
        for ensemble in self.plan.ensembles.values():  # a network that takes part by two protocols counts once
            sizes[ensemble.run] = sum(sizes[name] for name in {member.run for member in ensemble.weighted()})
        return sizes[run]


def collect(project: Project, study: str) -> Material:
    """Read the active plan and all that it names; an error where a file is absent or not what its receipt says."""
    plan = load(Plan, project.plan_file)
    if plan.study != study:
        raise EvaluationError(f"params/plan.yaml: study is {plan.study!r}, must be {study!r}; run `gsf study {study}`")
    runs = plan.runs()
    if not plan.evaluations:
        raise EvaluationError("params/plan.yaml: evaluations is empty, must name at least one")
    inputs = [root_input(project, project.plan_file)]
    manifests = {}
    for benchmark in sorted({run.benchmark for run in runs.values()}):
        inputs += _benchmark_inputs(project, benchmark)
        manifests[benchmark] = _json(project.manifest_info(benchmark))
    evaluations = []
    for item in plan.evaluations.values():
        if item.run not in runs:
            known = ", ".join(sorted(runs))
            raise EvaluationError(f"params/plan.yaml: evaluations has the run {item.run!r}, must be one of {known}")
        inputs += _evaluation_inputs(project, study, item.run, item.protocol)
        pairs = manifests[runs[item.run].benchmark]["reversal_pairs"]
        evaluations.append(_evaluation(project, study, runs[item.run], item.protocol, pairs))
    planned = {(item.run, item.protocol) for item in plan.evaluations.values()}
    for ensemble in plan.ensembles.values():
        lacking = [item.name for item in ensemble.weighted() if (item.run, item.protocol) not in planned]
        if lacking:
            raise EvaluationError(
                f"params/plan.yaml: ensembles has {ensemble.run!r} of {lacking[0]}, must be of planned evaluations;"
                f" run `gsf study {study}`"
            )
        inputs += _evaluation_inputs(project, study, ensemble.run, ENSEMBLE)
        pairs = manifests[ensemble.benchmark]["reversal_pairs"]
        evaluations.append(_evaluation(project, study, ensemble, ENSEMBLE, pairs))
    inputs += [item for run in runs.values() for item in _network_inputs(project, study, run)]
    return Material(
        plan,
        tuple(evaluations),
        trainings=tuple(_training(project, study, item) for item in plan.experiments.values()),
        imports=tuple(_import(project, study, item) for item in plan.imports.values()),
        manifests=manifests,
        inputs=tuple(inputs),
    )


def evidence_files(project: Project, plan: Plan) -> dict[str, Path]:
    """The files that a reader of the results may want to compute with, by their place below `evidence/`."""
    files = {}
    runs = [(item.run, item.protocol) for item in plan.evaluations.values()]
    for run, protocol in [*runs, *((item.run, ENSEMBLE) for item in plan.ensembles.values())]:
        place = project.evaluated(plan.study, run, protocol)
        for path in (place.metrics, place.scores):
            files[f"{run}/{protocol}/{path.name}"] = path
    for training in plan.experiments.values():
        for path in (project.curves(plan.study, training.run), project.training_summary(plan.study, training.run)):
            files[f"{training.run}/{path.name}"] = path
    for benchmark in sorted({item.benchmark for item in plan.runs().values()}):
        written = [project.inventory(benchmark), project.manifest(benchmark), project.manifest_info(benchmark)]
        if benchmark in plan.annotated:
            written += [project.annotated_summary(benchmark), project.annotated(benchmark) / SUBSETS_FILE]
        files |= {f"{benchmark}/{path.name}": path for path in written}
    return files


def _evaluation_inputs(project: Project, study: str, run: str, protocol: str) -> list[Input]:
    place = project.evaluated(study, run, protocol)
    return linked_inputs(project, place.receipt, place.outputs)


def _network_inputs(project: Project, study: str, run: PlannedRun) -> list[Input]:
    files = [project.checkpoint(study, run.run)]
    if isinstance(run, PlannedTraining):
        files += [project.curves(study, run.run), project.training_summary(study, run.run)]
    return linked_inputs(project, project.train_receipt(study, run.run), files)


def _benchmark_inputs(project: Project, benchmark: str) -> list[Input]:
    manifest = [project.manifest(benchmark), project.manifest_info(benchmark)]
    return [
        *linked_inputs(project, project.inventory_receipt(benchmark), [project.inventory(benchmark)]),
        *linked_inputs(project, project.manifest_receipt(benchmark), manifest),
    ]


def _evaluation(
    project: Project, study: str, training: PlannedRun, protocol: str, pairs: Sequence[Sequence[str]]
) -> Evaluation:
    place = project.evaluated(study, training.run, protocol)
    metrics = _json(place.metrics)
    missing = sorted({"n", "top1", "top5", "mean_class", "ece", "intervals"} - metrics.keys())
    if missing:
        where = project.relative(place.metrics)
        raise EvaluationError(f"{where}: lacks {', '.join(missing)}, must be complete; evaluate again")
    rows = read_table(place.confusion, ("actual", "predicted"))
    return Evaluation(
        training=training,
        protocol=protocol,
        metrics=metrics,
        confusion=tuple((row["actual"], row["predicted"]) for row in rows),
        outcome=outcome_of(read_scores(place.scores), reversal_pairs=pairs),
        receipt=read_receipt(place.receipt),
    )


def _training(project: Project, study: str, training: PlannedTraining) -> Training:
    rows = read_table(project.curves(study, training.run), CURVE_COLUMNS)
    return Training(
        training=training,
        curves={name: tuple(float(row[name]) if row[name] else math.nan for row in rows) for name in CURVE_COLUMNS},
        kept_epoch=int(_json(project.training_summary(study, training.run))["kept_epoch"]),
        parameters=_parameters(project.checkpoint(study, training.run)),
    )


def _import(project: Project, study: str, planned: PlannedImport) -> Import:
    receipt = read_receipt(project.train_receipt(study, planned.run))
    return Import(
        planned=planned,
        file=receipt.facts["file"],
        sha256=receipt.facts["sha256"],
        model=receipt.content["params"][f"params/imports/{planned.imported}.yaml"],
        epoch=receipt.facts["epoch"],
        best_prec1=receipt.facts["best_prec1"],
        parameters=_parameters(project.checkpoint(study, planned.run)),
    )


def _parameters(checkpoint: Path) -> int:
    """Numbers that training fits, from the checkpoint's header alone."""
    try:
        with safe_open(checkpoint, framework="numpy") as file:
            names = [name for name in file.keys() if not name.endswith(_BUFFERS)]  # noqa: SIM118  (not a mapping)
            return sum(math.prod(file.get_slice(name).get_shape()) for name in names)
    except SafetensorError as error:
        raise EvaluationError(f"{checkpoint}: cannot be read ({error}), must be a safetensors file") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise EvaluationError(f"{path}: is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise EvaluationError(f"{path}: holds {type(value).__name__}, must be a mapping")
    return value
