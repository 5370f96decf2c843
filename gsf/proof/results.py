"""Checks of a results folder: every cell against its metrics, every file against the receipt that it stands for."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gsf.errors import ProvenanceError
from gsf.params.study import is_trained
from gsf.project import ENSEMBLE, Project
from gsf.proof.chain import REPORT_RECEIPT, Chain, Command, stage_of_path
from gsf.proof.differing import differs, holds
from gsf.proof.findings import Finding
from gsf.provenance.evaluated import stage_name, videos_of
from gsf.provenance.hashing import pairs_digest, sha256_file
from gsf.provenance.receipt import Receipt

_KEYS = {
    **dict.fromkeys(("benchmark", "experiment", "protocol", "metric", "receipt"), str),
    "value": int | float,
    "n": int,
}
_INTERVAL = {"low", "high"}  # of 95 %; both, or neither for a metric that has none
_RESTORE = "restore results/ from git, or run `gsf report` again"
SNAKEMAKE_MARK = ".snakemake_timestamp"  # put by Snakemake into every folder that a rule writes; git and DVC ignore it
_CURVES = ("curves.csv", "summary.json")  # no number rests on them: a copy that is not there is no finding
_DAMAGED = (OSError, ValueError, KeyError, TypeError, RecursionError)


@dataclass(frozen=True)
class Cell:
    """One number of a results table."""

    study: str
    benchmark: str
    experiment: str  # the run: gsf-s0
    protocol: str
    metric: str
    value: int | float
    n: int
    receipt: str  # digest of the evaluation's receipt
    low: float | None = None  # interval of 95 %
    high: float | None = None

    @property
    def name(self) -> str:
        return f"{self.benchmark}/{self.experiment}/{self.protocol}/{self.metric}"


def read_cells(project: Project, study: str) -> list[Cell]:
    """The cells of a study's results table; ProvenanceError where the file is not one."""
    path = project.results(study) / "results.json"
    where = project.relative(path)
    try:
        rows = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ProvenanceError(f"{where}: cannot be read, must be a list of cells: {error}") from None
    if not isinstance(rows, list):
        raise ProvenanceError(f"{where}: holds {type(rows).__name__}, must be a list of cells")
    for number, row in enumerate(rows, 1):
        good = isinstance(row, dict) and row.keys() - _KEYS.keys() in (set(), _INTERVAL) and _KEYS.keys() <= row.keys()
        kinds = _KEYS | dict.fromkeys(row.keys() & _INTERVAL, int | float) if good else {}
        if not good or not all(isinstance(row[key], kind) for key, kind in kinds.items()):
            raise ProvenanceError(f"{where}: cell {number} is not one, must have {', '.join(_KEYS)}")
    return [Cell(study=study, **row) for row in rows]


def check_cells(project: Project, chain: Chain, cells: Sequence[Cell], report: Receipt | None) -> Iterator[Finding]:
    """Each cell names the receipt of its own evaluation, and says what that evaluation's metrics say.

    A receipt that the report names too, and that is missing, is a broken link of the chain and no cell's fault.
    """
    reported = {item.receipt for item in report.inputs} if report else set()
    seen: set[str] = set()
    for cell in cells:
        if cell.name in seen:
            yield Finding("broken", cell.name, "is there twice, must be once", _RESTORE)
        seen.add(cell.name)
        receipt = chain.receipts.get(cell.receipt)
        if receipt is None and cell.receipt in reported:
            continue
        if receipt is None:
            what = f"its receipt {cell.receipt[:12]} is not in results/{cell.study}/receipts"
            yield Finding("broken", cell.name, what, _RESTORE)
            continue
        what = _other_evaluation(cell, receipt)
        if what:
            yield Finding("broken", cell.name, f"names the receipt {what}", _RESTORE)
            continue
        evidence = _evidence(project, cell) / "metrics.json"
        promised = receipt.outputs.get(
            project.relative(project.evaluated(cell.study, cell.experiment, cell.protocol).metrics)
        )
        if promised and not holds(evidence, promised):
            continue  # the evidence is at fault, which is said
        try:
            metrics = json.loads(evidence.read_bytes())
            value, n = metrics[cell.metric], videos_of(metrics, cell.metric)
            low, high = metrics.get("intervals", {}).get(cell.metric, (None, None))
        except _DAMAGED:
            yield Finding("broken", cell.name, f"its metrics.json lacks {cell.metric} or cannot be read", _RESTORE)
            continue
        if (value, n) != (cell.value, cell.n):
            what = f"says {cell.value} of {cell.n}, its metrics say {value} of {n}"
            yield Finding("broken", cell.name, what, _RESTORE)
        elif (low, high) != (cell.low, cell.high):
            what = f"says the interval {cell.low} to {cell.high}, its metrics say {low} to {high}"
            yield Finding("broken", cell.name, what, _RESTORE)


def _other_evaluation(cell: Cell, receipt: Receipt) -> str:
    """How a receipt is not that of the cell's evaluation; empty where it is."""
    command = Command.of(receipt)
    verb = "ensemble" if cell.protocol == ENSEMBLE else "evaluate"
    expected = {"study": cell.study, "run": cell.experiment}
    expected |= {"protocol": cell.protocol} if verb == "evaluate" else {}
    stage = stage_name(cell.study, cell.experiment, cell.protocol)
    if receipt.stage != stage:
        return f"of {receipt.stage}, must be that of {stage}"
    for key, value in expected.items():
        if command.options.get(key) != value:
            return f"of a command with {key} {command.options.get(key)!r}, must be {value!r}"
    if command.verb != verb or command.positional != (cell.benchmark,):
        return f"of the command {receipt.content['command']!r}, must be `gsf {verb} {cell.benchmark}`"
    return ""


def _evidence(project: Project, cell: Cell) -> Path:
    return project.results(cell.study) / "evidence" / cell.experiment / cell.protocol


def check_evidence(project: Project, study: str, receipts: Sequence[Receipt]) -> Iterator[Finding]:
    """Copies of metrics, scores, curves, inventory and manifest are the very files that their receipts list."""
    folder = project.results(study) / "evidence"
    if not folder.is_dir():
        yield Finding("broken", project.relative(folder), "is missing", _RESTORE)
        return
    for receipt in receipts:
        for path, promised in receipt.outputs.items():
            copy = evidence_path(project, study, path)
            if copy is None:
                continue
            name = project.relative(copy)
            if copy.is_file():
                found = sha256_file(copy)
                if found != promised:
                    what = f"{name} has sha256 {found[:12]}, the receipt says {promised[:12]} for {path}"
                    yield differs(copy, name, promised, link=receipt.stage, what=what, remedy=_RESTORE)
                elif copy.name == "inventory.csv":
                    yield from _check_videos_digest(copy, name, receipt)
            elif copy.name == "metrics.json":
                yield Finding("broken", receipt.stage, f"{name} is missing", _RESTORE)
            elif copy.name not in _CURVES and not (project.root / path).is_file():
                yield Finding("absent", receipt.stage, f"{path} is too large for results/", "`dvc pull` or `dvc repro`")


def evidence_path(project: Project, study: str, path: str) -> Path | None:
    """Where the report keeps its copy of an output; None for one of which it keeps none."""
    folder = project.results(study) / "evidence"
    match Path(path).parts:
        case ("runs", _, "evaluate", run, protocol, "metrics.json" | "scores.safetensors" as name):
            return folder / run / protocol / name
        case ("runs", _, "ensemble", run, "metrics.json" | "scores.safetensors" as name):
            return folder / run / ENSEMBLE / name
        case ("runs", _, "train", run, name) if name in _CURVES:
            return folder / run / name
        case ("data", benchmark, "inventory.csv" | "manifest.csv" | "manifest.json" as name):
            return folder / benchmark / name
        case ("data", benchmark, "annotated", "summary.json" | "subsets.csv" as name):
            return folder / benchmark / name
    return None


def _check_videos_digest(path: Path, name: str, receipt: Receipt) -> Iterator[Finding]:
    promised = receipt.facts.get("videos_digest")
    try:
        found = videos_digest(read_videos(path.read_bytes()))
    except _DAMAGED as error:
        yield Finding("broken", receipt.stage, f"{name} is not an inventory: {error}", _RESTORE)
        return
    if found != promised:
        what = f"{name}: its videos have the digest {found[:12]}, the receipt says {str(promised)[:12]}"
        yield Finding("broken", receipt.stage, what, _RESTORE)


def read_videos(data: bytes) -> list[dict[str, str]]:
    """Rows of an inventory: at least id, shard, bytes and sha256 of every video."""
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))
    for row in rows:
        if None in row or any(not isinstance(row[key], str) for key in ("id", "path", "shard", "bytes", "sha256")):
            raise ValueError("a row has too few or too many values")
    return rows


def videos_digest(rows: Sequence[dict[str, str]]) -> str:
    """One sha256 for all videos: that of [[id, sha256], ...] in canonical JSON, as the inventory's receipt has it."""
    return pairs_digest((row["id"], row["sha256"]) for row in rows)


def check_report(project: Project, study: str, report: Receipt) -> Iterator[Finding]:
    """The files of the results folder are the ones that the report wrote; nothing was added."""
    folder = project.results(study)
    own = project.relative(folder) + "/"
    if report.stage != "report" or Command.of(report).positional != (study,):
        what = f"is a receipt of {report.content['command']!r}, must be that of `gsf report {study}`"
        yield Finding("broken", own + REPORT_RECEIPT, what, _RESTORE)
        return
    for path, promised in report.outputs.items():
        file = project.root / path
        if not path.startswith(own):
            yield Finding("broken", path, f"is listed by the report of {study}, which writes to {own} only", _RESTORE)
        elif not file.is_file():
            yield Finding("broken", _link(path), f"{path} is missing", _RESTORE)
        elif (found := sha256_file(file)) != promised:
            what = f"{path} has sha256 {found[:12]}, {REPORT_RECEIPT} says {promised[:12]}"
            yield differs(file, path, promised, link=_link(path), what=what, remedy=_RESTORE)
    for part in ("receipts", "evidence"):
        for file in sorted((folder / part).rglob("*")):
            path = project.relative(file)
            if file.is_file() and path not in report.outputs and file.name != SNAKEMAKE_MARK:
                yield Finding("broken", _link(path), f"{path} is not among the files that the report wrote", _RESTORE)


def _link(path: str) -> str:
    """The stage whose output a file of evidence is a copy of; else the file."""
    match Path(path).parts:
        case ("results", study, "evidence", run, protocol, name):
            kind = f"ensemble/{run}" if protocol == ENSEMBLE else f"evaluate/{run}/{protocol}"
            original = f"runs/{study}/{kind}/{name}"
        case ("results", study, "evidence", run, name) if name in _CURVES and is_trained(run):
            original = f"runs/{study}/train/{run}/{name}"
        case ("results", _, "evidence", benchmark, "summary.json" | "subsets.csv" as name):
            original = f"data/{benchmark}/annotated/{name}"
        case ("results", _, "evidence", benchmark, name):
            original = f"data/{benchmark}/{name}"
        case _:
            return path
    stage = stage_of_path(original)
    return path if stage == original else stage
