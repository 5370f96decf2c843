"""`gsf verify --recompute`: metrics, confusion and tables computed again from the scores; they must be the same bytes.

It works from a fresh clone as far as the scores are in git: a confusion that is not here is held against the digest
that its receipt lists.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gsf.data.subsets import read_subsets
from gsf.errors import EvaluationError, GsfError
from gsf.evaluate.measuring import Measuring, confusion_bytes
from gsf.evaluate.outcome import outcome_of
from gsf.evaluate.scores import read_scores
from gsf.params.ensemble import read_members
from gsf.project import Project
from gsf.proof.chain import Command, known_studies
from gsf.proof.differing import differs
from gsf.proof.findings import Finding, Verdict
from gsf.proof.results import evidence_path
from gsf.proof.shown import accuracy_rows
from gsf.proof.verify import NOT_RECOMPUTED, Verdicts
from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file
from gsf.provenance.receipt import Receipt
from gsf.provenance.records import metric_cells, readable_json
from gsf.report.apart import apart_cells
from gsf.report.combined import check_combined
from gsf.report.found import Place, evaluations_of, scores_file
from gsf.report.paired import Judged, comparisons, time_evidence
from gsf.report.paired_tables import comparison_section, time_section

_REMEDY = "restore results/ from git, or run the evaluation and `gsf report` again"
_NO_STUDY = "that numbers follow from scores: those of studies with results are computed again, so nothing was"
_NOT_SHOWN = "pictures, and what README.md says beside accuracies: they are the report's bytes, not made again"


def recomputed(project: Project, verdict: Verdict | Verdicts) -> Verdict | Verdicts:
    """The verdict with what computing again finds; that of a file, which has no scores, says that nothing was."""
    return verdict.each(lambda item: _recomputed(project, item))


def _recomputed(project: Project, verdict: Verdict) -> Verdict:
    if verdict.study not in known_studies(project):
        return replace(verdict, not_proven=(*verdict.not_proven, _NO_STUDY))
    checked: dict[str, int] = {}
    found = tuple(check_recomputed(project, verdict.study, checked))
    left = [line for line in verdict.not_proven if line != NOT_RECOMPUTED]
    absent = sum(finding.kind == "absent" for finding in found)
    if absent:
        left.append(f"that the metrics of {absent} evaluations follow from their scores, which are not here")
    return verdict.extended(checked, found, not_proven=(*left, _NOT_SHOWN))


def check_recomputed(project: Project, study: str, checked: dict[str, int]) -> Iterator[Finding]:
    """Compute everything of a study again that follows from scores; a finding names what is not the same."""
    evaluations = evaluations_of(project, study)
    computed: list[dict[str, Any]] = []
    judged: list[Judged] = []
    whole = True
    for run, protocol in _order(project, study, evaluations):
        receipt = evaluations[run, protocol]
        file = scores_file(project, study, receipt)
        if file is None:
            whole = False
            yield Finding("absent", receipt.stage, "its scores are not here", "`dvc pull` or `dvc repro` brings them")
            continue
        try:
            metrics, confusion, one = _compute(project, study, receipt, file, run=run, protocol=protocol)
        except (GsfError, OSError, ValueError, KeyError, TypeError) as error:
            whole = False
            yield Finding("broken", receipt.stage, f"cannot be computed again: {error}", _REMEDY)
            continue
        checked["evaluations computed again"] = checked.get("evaluations computed again", 0) + 1
        yield from _compare(project, study, receipt, metrics=metrics, confusion=confusion)
        if one.members:
            yield from check_combined(project, study, receipt, file, evaluations, checked)
        judged.append(one)
        computed.append(metrics)
    if whole:
        yield from _compare_tables(project, study, computed, judged)


def _order(project: Project, study: str, known: Mapping[Place, Receipt]) -> list[Place]:
    """Run and protocol of each evaluation, in the order of the results table; others after them."""
    try:
        rows = json.loads((project.results(study) / "results.json").read_bytes())
        order = [(row["experiment"], row["protocol"]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        order = []  # the check of the cells says so
    return [place for place in dict.fromkeys([*order, *sorted(known)]) if place in known]


def _compute(
    project: Project, study: str, receipt: Receipt, file: Path, *, run: str, protocol: str
) -> tuple[dict[str, Any], bytes, Judged]:
    """Metrics, the bytes of the confusion, and what comparisons need, of one evaluation."""
    command = Command.of(receipt)
    benchmark = command.positional[0]
    manifest = json.loads((project.results(study) / "evidence" / benchmark / "manifest.json").read_bytes())
    scores = read_scores(file)
    metrics = _measuring(project, study, receipt, manifest).metrics(scores)
    settings = receipt.content["params"].get(f"params/protocols/{protocol}.yaml", {})
    outcome = outcome_of(scores, reversal_pairs=manifest["reversal_pairs"])
    members = read_members(command.options["members"]) if command.verb == "ensemble" else ()
    judged = Judged(benchmark, run, protocol, settings, outcome, receipt=receipt.digest, members=members)
    return metrics, confusion_bytes(scores), judged


def _measuring(project: Project, study: str, receipt: Receipt, manifest: Mapping[str, Any]) -> Measuring:
    """What the metrics of an evaluation need, with the very table of subsets that it read."""
    item = next((item for item in receipt.inputs if item.path.endswith("subsets.csv")), None)
    if item is None:
        return Measuring.of(manifest)
    copies = [copy for copy in (evidence_path(project, study, item.path), project.root / item.path) if copy is not None]
    for copy in copies:
        if copy.is_file() and sha256_file(copy) == item.sha256:
            return Measuring.of(manifest, read_subsets(copy), where=item.path)
    raise EvaluationError(f"{item.path}: is not here as it was read, with sha256 {item.sha256[:12]}, must be")


def _compare(
    project: Project, study: str, receipt: Receipt, *, metrics: dict[str, Any], confusion: bytes
) -> Iterator[Finding]:
    """What was computed again, against the receipt and against the files that are here."""
    for path, promised in receipt.outputs.items():
        name = Path(path).name
        if name not in ("metrics.json", "confusion.csv"):
            continue
        computed = canonical_json(metrics) if name == "metrics.json" else confusion
        if sha256_bytes(computed) != promised:
            what = f"{name} does not follow from the scores: computed again it has sha256 {sha256_bytes(computed)[:12]}"
            yield Finding("broken", receipt.stage, f"{what}, the receipt says {promised[:12]}", _REMEDY)
        for file in (evidence_path(project, study, path), project.root / path):
            if file is not None and file.is_file():
                yield from _compare_file(project, file, computed)


def _compare_file(project: Project, file: Path, computed: bytes) -> Iterator[Finding]:
    """A file against the bytes that follow from the scores."""
    name, promised = project.relative(file), sha256_bytes(computed)
    if not file.is_file():
        yield Finding("broken", name, "is missing; it follows from the scores", _REMEDY)
    elif file.read_bytes() != computed:
        what = "does not follow from the scores by its bytes"
        yield differs(file, name, promised, link=name, what=what, remedy=_REMEDY)


def _compare_tables(
    project: Project, study: str, computed: Sequence[dict[str, Any]], judged: Sequence[Judged]
) -> Iterator[Finding]:
    """The results folder's tables against those computed again."""
    folder = project.results(study)
    cells = [
        cell
        for metrics, one in zip(computed, judged, strict=True)
        for cell in metric_cells(
            metrics, benchmark=one.benchmark, run=one.run, protocol=one.protocol, receipt=one.receipt
        )
    ]
    try:
        paired, orders = comparisons(judged), time_evidence(judged)
    except GsfError as error:
        yield Finding("broken", f"results/{study}/comparisons.json", f"cannot be computed again: {error}", _REMEDY)
        return
    for name, records in (("results.json", cells), ("comparisons.json", paired), ("time.json", orders)):
        file = folder / name
        yield from _compare_file(project, file, readable_json(records))
    page = (folder / "README.md").read_text(encoding="utf-8") if (folder / "README.md").is_file() else ""
    parts = ["\n".join(section) for section in (comparison_section(paired), time_section(orders))]
    missing = [part.split("\n")[0] for part in parts if part not in page]
    missing += [row for row in (*accuracy_rows(cells), *_apart_rows(computed, judged)) if row not in page]
    for part in missing:
        what = f"does not follow from the scores: computed again it must have {part!r}"
        yield Finding("broken", f"results/{study}/README.md", what, _REMEDY)


def _apart_rows(computed: Sequence[dict[str, Any]], judged: Sequence[Judged]) -> Iterator[str]:
    """The rows of the page's tables of parts and subsets, as they must stand there."""
    rows: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for metrics, one in zip(computed, judged, strict=True):
        rows.setdefault((one.benchmark, one.protocol, one.experiment), []).append(metrics)
    for runs in rows.values():
        yield from apart_cells(runs)
