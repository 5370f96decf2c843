"""What MLflow shall show of a training, collected from its journal and receipts; knows nothing of MLflow."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gsf.errors import GsfError
from gsf.params.flat import flatten
from gsf.project import Project
from gsf.provenance.evaluated import broken_down
from gsf.provenance.hashing import canonical_json, sha256_bytes
from gsf.provenance.receipt import Receipt, hash_cache, read_receipt
from gsf.tracking.cost import cost_of
from gsf.tracking.journal import TRAINING_KEY, Journal, Params, Status, read_journal
from gsf.tracking.points import Point, journal_points, table_points

EVALUATED = ("top1", "top5", "mean_class", "pair_accuracy", "ece")
_SECTIONS = {"models": "model", "recipes": "recipe", "imports": "model"}


@dataclass(frozen=True)
class Data:
    """The data of a training or evaluation: a manifest, named by its sha256."""

    benchmark: str
    context: str  # train or test
    manifest: str  # its path in the project
    sha256: str
    videos: int | None = None
    excluded: int | None = None

    @property
    def digest(self) -> str:
        """At most 36 characters. The split is part of it: MLflow keeps one context for a name and digest in a run."""
        return f"{self.sha256[:16]}-{self.context}"


@dataclass(frozen=True)
class Record:
    """One training: what becomes one run."""

    study: str
    run: str
    training_key: str
    status: Status
    started: float
    ended: float | None
    current: bool  # the one whose results lie in runs/, or that runs now; not an earlier one of the same name
    params: Params
    tags: dict[str, str]
    points: tuple[Point, ...]
    measured: dict[str, float]  # 8x1x1.top1: 0.9; cost.parameters_m: 11.2
    protocols: dict[str, dict[str, Any]]  # how each evaluation looked at the videos, as its receipt has it
    data: tuple[Data, ...]
    files: dict[str, Path]  # by name among the run's artefacts
    problems: tuple[str, ...]  # what was left out, and why
    by_journal: bool  # whether its journal is here
    by_receipt: bool  # whether the receipt of the training is here

    @property
    def name(self) -> str:
        return f"{self.study}/{self.run}"


def trainings(project: Project) -> list[tuple[str, str]]:
    """Study and run of every training with a journal or a receipt here."""
    found = {(path.parts[-3], path.parts[-2]) for path in project.work("train").glob("*/*/journal.jsonl")}
    found |= {(path.parts[-4], path.parts[-2]) for path in (project.root / "runs").glob("*/train/*/receipt.json")}
    return sorted(found)


def journal_path(project: Project, *, study: str, run: str) -> Path:
    """Where the journal of a training lies: in the scratch folder, which survives an interruption."""
    return project.work("train", study, run, "journal.jsonl")


def collect(project: Project, *, study: str, run: str) -> list[Record]:
    """The trainings under one name, the present one last: earlier ones with other inputs are known from the journal."""
    journals = {journal.training_key: journal for journal in read_journal(journal_path(project, study=study, run=run))}
    path = project.train_receipt(study, run)
    receipt = read_receipt(path) if path.is_file() else None
    present = str(receipt.facts.get("training", receipt.digest)) if receipt else next(reversed(journals), None)
    records = [
        _record(project, study, run, key, journal, receipt=None, current=key == present)
        for key, journal in journals.items()
        if receipt is None or key != present
    ]
    if receipt is not None and present is not None:
        records.append(_record(project, study, run, present, journals.get(present), receipt=receipt, current=True))
    return records


@dataclass
class Draft:
    """A record while its parts come in."""

    tags: dict[str, str]
    params: Params = field(default_factory=dict)
    points: dict[tuple[str, int], Point] = field(default_factory=dict)
    measured: dict[str, float] = field(default_factory=dict)
    protocols: dict[str, dict[str, Any]] = field(default_factory=dict)
    data: list[Data] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def _record(
    project: Project, study: str, run: str, key: str, journal: Journal | None, *, receipt: Receipt | None, current: bool
) -> Record:
    draft = Draft(tags=dict(journal.tags) if journal else {})
    draft.tags |= {"gsf.study": study, "gsf.run": run, "gsf.training": f"{study}/{run}", TRAINING_KEY: key}
    status: Status = journal.status if journal else "finished"
    started, ended = (journal.started, journal.ended) if journal else (None, None)
    if journal is not None:
        draft.params = dict(journal.params)
        for point in journal_points(journal):  # of two samples of one second the first, which may be shown already
            draft.points.setdefault((point.metric, point.step), point)
    if receipt is not None:
        sealed = project.train_receipt(study, run).stat().st_mtime
        status, started, ended = "finished", started or sealed, ended or sealed
        _add_training(project, draft, receipt, path=project.train_receipt(study, run), sealed=sealed)
        for protocol, evaluation in _evaluations(project, study, run):
            _add_evaluation(project, draft, evaluation, of=receipt, path=project.evaluate_receipt(study, run, protocol))
    return Record(
        study=study,
        run=run,
        training_key=key,
        status=status,
        started=started or 0.0,
        ended=ended,
        current=current,
        params=draft.params,
        tags=draft.tags,
        points=tuple(sorted(draft.points.values(), key=lambda point: (point.step, point.metric))),
        measured=draft.measured,
        protocols=draft.protocols,
        data=tuple(draft.data),
        files=draft.files,
        problems=tuple(draft.problems),
        by_journal=journal is not None,
        by_receipt=receipt is not None,
    )


def _add_training(project: Project, draft: Draft, receipt: Receipt, *, path: Path, sealed: float) -> None:
    draft.params = _receipt_params(receipt) | draft.params
    draft.tags |= receipt_tags(receipt)
    draft.tags["gsf.receipt.train"] = draft.tags["gsf.receipt"] = receipt.digest
    if not _is_imported(receipt):  # which was trained on other data than ours
        draft.data += data_of(project, receipt, context="train")
    outputs = add_files(project, draft, receipt, path=path, folder="train")
    _add_cost(project, draft, receipt)
    for point in table_points(outputs.get("curves.csv"), sealed):
        known = draft.points.get((point.metric, point.step))
        if known is None or known.value != point.value:  # the journal knows the time, the table is bound to the receipt
            draft.points[point.metric, point.step] = point


def _add_cost(project: Project, draft: Draft, receipt: Receipt) -> None:
    manifest = _manifest_info(project, receipt)
    if manifest is None:  # which knows how many classes there are
        return
    try:
        draft.measured |= cost_of(receipt.content["params"], num_classes=len(manifest["classes"]))
    except (GsfError, ValueError, ImportError) as error:  # described in another time's terms, or by an absent package
        draft.problems.append(f"{receipt.stage}: what its network costs is unknown: {error}")


def _add_evaluation(project: Project, draft: Draft, receipt: Receipt, *, of: Receipt, path: Path) -> None:
    protocol = path.parent.name
    if of.digest not in {item.receipt for item in receipt.inputs}:
        draft.problems.append(f"{project.relative(path)}: is of another training; evaluate again")
        return
    draft.tags[f"gsf.receipt.{protocol}"] = draft.tags["gsf.receipt"] = receipt.digest
    draft.data += [item for item in data_of(project, receipt, context="test") if item not in draft.data]
    outputs = add_files(project, draft, receipt, path=path, folder=f"evaluate/{protocol}")
    draft.measured |= measured_by(protocol, outputs.get("metrics.json"))
    file = project.relative(project.params_file("protocols", protocol))
    draft.protocols[protocol] = dict(receipt.content["params"].get(file, {}))


def add_files(project: Project, draft: Draft, receipt: Receipt, *, path: Path, folder: str) -> dict[str, Path]:
    """Note the small outputs that are what the receipt says, and a problem for each other; outputs by file name."""
    found = {}
    for name, digest in receipt.outputs.items():
        output = project.root / name
        if output.suffix == ".safetensors":
            continue  # weights and scores are DVC's
        if not output.is_file():
            draft.problems.append(f"{name}: is not here; `dvc pull` brings it")
        elif hash_cache(project).sha256(output) != digest:
            draft.problems.append(f"{name}: was changed after stage {receipt.stage} wrote it; run that stage again")
        else:
            found[output.name] = output
    draft.files[f"{folder}/receipt.json"] = path
    draft.files |= {f"{folder}/{name}": output for name, output in found.items()}
    return found


def _receipt_params(receipt: Receipt) -> Params:
    params: Params = {"benchmark": _benchmark(receipt)}
    if not _is_imported(receipt):
        params["seed"] = int(receipt.content["seed"] or 0)
    if "threads" in receipt.facts:
        params["threads"] = int(receipt.facts["threads"])
    for file, values in receipt.content["params"].items():
        section = Path(file).parent.name
        params |= flatten(_SECTIONS.get(section, section), values)
    params.pop("model.classes", None)  # a long list, which MLflow may refuse; the receipt among the artefacts has it
    return params


def receipt_tags(receipt: Receipt) -> dict[str, str]:
    """Tags that tie a run to the chain."""
    manifests = [item.sha256 for item in receipt.inputs if item.path.endswith("/manifest.csv")]
    return {
        "gsf.code": sha256_bytes(canonical_json(receipt.content["code"])),
        "mlflow.source.name": str(receipt.content["command"]),
        "mlflow.source.type": "JOB",
        **({"gsf.manifest": manifests[0]} if manifests else {}),
        **({"gsf.imported": f"{receipt.facts['file']} {receipt.facts['sha256']}"} if _is_imported(receipt) else {}),
    }


def _is_imported(receipt: Receipt) -> bool:
    """Whether a network was trained elsewhere: the convert stage wrote this receipt, no training."""
    return receipt.stage.startswith("convert@")


def _benchmark(receipt: Receipt) -> str:
    """The first argument of the stage's command: gsf train BENCHMARK ..."""
    return shlex.split(str(receipt.content["command"]))[2]


def data_of(project: Project, receipt: Receipt, *, context: str) -> Iterator[Data]:
    """The manifest among the inputs of a receipt."""
    benchmark = _benchmark(receipt)
    digests = {item.path: item.sha256 for item in receipt.inputs}
    path = project.relative(project.manifest(benchmark))
    if path not in digests:
        return
    videos = excluded = None
    content = _manifest_info(project, receipt)
    if content is not None:
        videos = int(content["counts"][context])
        excluded = sum(item["split"] == context for item in content["excluded"])
    yield Data(
        benchmark=benchmark, context=context, manifest=path, sha256=digests[path], videos=videos, excluded=excluded
    )


def _manifest_info(project: Project, receipt: Receipt) -> dict[str, Any] | None:
    """What the manifest of a receipt says; None where that very one is not here."""
    info = project.manifest_info(_benchmark(receipt))
    digests = {item.path: item.sha256 for item in receipt.inputs}
    if not info.is_file() or hash_cache(project).sha256(info) != digests.get(project.relative(info)):
        return None
    return dict(json.loads(info.read_bytes()))


def _evaluations(project: Project, study: str, run: str) -> list[tuple[str, Receipt]]:
    """Protocol and receipt of each evaluation, the latest last."""
    folder = project.root / "runs" / study / "evaluate" / run
    paths = sorted(folder.glob("*/receipt.json"), key=lambda path: (path.stat().st_mtime_ns, path))
    return [(path.parent.name, read_receipt(path)) for path in paths]


def measured_by(protocol: str, path: Path | None) -> dict[str, float]:
    """The metrics of an evaluation by protocol and name, with their intervals; none without a file."""
    content = json.loads(path.read_bytes()) if path else {}
    shown = (*EVALUATED, *broken_down(content))
    found = {f"{protocol}.{name}": float(content[name]) for name in shown if content.get(name) is not None}
    for name, (low, high) in content.get("intervals", {}).items():
        found |= {f"{protocol}.{name}.low": float(low), f"{protocol}.{name}.high": float(high)}
    return found
