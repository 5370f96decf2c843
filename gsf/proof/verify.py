"""Verification: does the chain behind a results table hold, from every number down to the bytes that are here?

The shallow check works from a fresh clone: it reads what git has. The deep one also reads every artefact and video.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gsf.errors import ProvenanceError
from gsf.project import Project
from gsf.proof import deep as deeply
from gsf.proof.chain import REPORT_RECEIPT, Chain, known_studies, study_chain, whole_chain, work_chain
from gsf.proof.drawn import check_drawn
from gsf.proof.engine import check_committed, check_lock
from gsf.proof.findings import EXIT_CODES, Finding, Status, Verdict
from gsf.proof.later import later_runs
from gsf.proof.links import check_layout, check_links, check_names, check_reachable, check_roots, sound
from gsf.proof.results import Cell, check_cells, check_evidence, check_report, read_cells
from gsf.proof.shown import check_shown
from gsf.proof.stale import (
    another_is_active,
    check_code,
    check_ensembles,
    check_environment,
    check_params,
    check_plan,
)
from gsf.proof.weights import check_weights, weights_of
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import Receipt

WORK_TREE = "work tree"  # the name of a verdict on what no study has results of
NOT_RECOMPUTED = (
    "that the metrics follow from the scores: they are compared with their receipt, not computed again: `--recompute`"
)
_ALWAYS = (
    "that the stages were run as the receipts say: one that is run again must give the same receipt (`dvc repro -f`)",
    NOT_RECOMPUTED,
    "files that no receipt lists, on which no number rests: listings of folders, journals of trainings, study files,"
    " measured speeds",
    "what dvc.lock says besides the digests of receipts: `dvc status` compares it with the files",
    "who made the results: no signature is looked at (`gsf verify-signature` does); one who rewrites a receipt,"
    " all that rest on it and the history of git leaves a chain that agrees with itself",
)


@dataclass(frozen=True)
class Verdicts:
    """The verdicts of several targets."""

    verdicts: tuple[Verdict, ...]

    def each(self, change: Callable[[Verdict], Verdict]) -> Verdicts:
        """What `change` makes of each of them."""
        return Verdicts(tuple(change(verdict) for verdict in self.verdicts))

    @property
    def ok(self) -> bool:
        """Whether nothing is broken in any of them."""
        return all(verdict.ok for verdict in self.verdicts)

    @property
    def status(self) -> Status:
        """The worst of them."""
        found = [verdict.status for verdict in self.verdicts]
        return max(found, key=("holds", "equal", "broken").index, default="holds")

    @property
    def exit_code(self) -> int:
        """What `gsf verify` ends with."""
        return EXIT_CODES[self.status]

    def to_json(self) -> dict[str, Any]:
        """The verdicts as JSON values."""
        verdicts = [verdict.to_json() for verdict in self.verdicts]
        return {"ok": self.ok, "status": self.status, "verdicts": verdicts}

    def to_text(self) -> str:
        """The verdicts for people."""
        return "\n".join(verdict.to_text() for verdict in self.verdicts)


def verify(project: Project, target: str | None = None, *, deep: bool = False) -> Verdict | Verdicts:
    """Verify a study, one file that a stage wrote, or, without a target, every study with results.

    Raises:
        ProvenanceError: the target is neither, or there is nothing to verify.
    """
    known = known_studies(project)
    if target is None:
        if not known:
            return _verify_work_tree(project, deep=deep)
        verdicts = [verify_study(project, study, deep=deep) for study in known]
        return verdicts[0] if len(verdicts) == 1 else Verdicts(tuple(verdicts))
    if target in known:
        return verify_study(project, target, deep=deep)
    root = project.root.resolve()
    for path in (Path.cwd() / target, root / target):
        place = path.parent.resolve() / path.name  # not through a link: DVC may link a file to its cache
        if path.is_file() and place.is_relative_to(root):
            return verify_file(project, place.relative_to(root).as_posix())
    listed = ", ".join(known) or "none"
    raise ProvenanceError(f"{target}: is no study with results (here: {listed}) and no file of the project")


def verify_study(project: Project, study: str, *, deep: bool = False) -> Verdict:
    """Verify the results of one study."""
    findings: list[Finding] = []
    not_proven: list[str] = []
    chain, cells, report = _read_folder(project, study, findings)
    if report is not None:
        disagrees = [
            item for item in check_lock(project, study, [report], missing=[], moved={}) if item.link == report.stage
        ]
        findings += disagrees
        report = None if disagrees else report  # what another one than dvc.lock has says of others is no proof
    everything = [*chain.receipts.values(), *([report] if report else [])]
    moved: dict[str, str] = {}
    state = _check_state(project, study, everything, not_proven, moved)
    later = later_runs(project, study, moved)
    _check_folder(project, study, chain, cells, report, findings)
    findings += check_drawn(project, study, not_proven, chain)
    findings += check_roots(project, everything, later=later)
    findings += state
    findings += check_committed(project, study)
    checked = {"cells": len(cells), "receipts": len(everything)}
    if deep:
        receipts = list(chain.receipts.values())
        findings += deeply.check_artefacts(project, receipts, checked, later=later)
        findings += deeply.check_videos(project, study, receipts, checked, not_proven, later=later)
        findings += check_weights(project, receipts, checked, later=later)
    return _verdict(study, deep, checked, findings, not_proven, everything)


def verify_folder(project: Project, study: str, *, report_digest: str | None = None) -> Verdict:
    """Verify a results folder by itself, without a project around it: parameters, code, roots and dvc.lock are not.

    Where `report_digest` is given, what a report with another receipt says of others is no proof.
    """
    findings: list[Finding] = []
    chain, cells, report = _read_folder(project, study, findings)
    if report is not None and report_digest not in (None, report.digest):
        report = None
    _check_folder(project, study, chain, cells, report, findings)
    checked = {"cells": len(cells), "receipts": len(chain.receipts) + (report is not None)}
    return Verdict(study, False, checked, tuple(dict.fromkeys(findings)), ())


def _read_folder(project: Project, study: str, findings: list[Finding]) -> tuple[Chain, list[Cell], Receipt | None]:
    """The receipts of a results folder that have their digest, its cells, and the receipt of its report."""
    kept = study_chain(project, study)
    findings += [*check_names(kept), *check_layout(kept)]
    cells = _cells(project, study, findings)
    return sound(kept), cells, _report(project, study, findings)


def _check_folder(
    project: Project, study: str, chain: Chain, cells: list[Cell], report: Receipt | None, findings: list[Finding]
) -> None:
    """What a results folder says of itself: receipts close, cells and evidence are theirs, files are the report's."""
    starts = [chain.receipts[cell.receipt] for cell in cells if cell.receipt in chain.receipts]
    last = [report] if report else []
    findings += check_cells(project, chain, cells, report)
    findings += check_links(chain, [*chain.receipts.values(), *last])
    findings += check_reachable(chain, chain.closure([*last, *starts]))
    findings += check_evidence(project, study, list(chain.receipts.values()))
    if report is not None:
        findings += check_report(project, study, report)
    tables = {f"results/{study}/{name}" for name in ("README.md", "results.json")}
    if not any(item.link in tables | {cell.name for cell in cells} for item in findings if item.kind == "broken"):
        findings += check_shown(project, study, [vars(cell) for cell in cells])


def _verify_work_tree(project: Project, *, deep: bool) -> Verdict:
    """Verify the receipts in the work tree, where no study has results yet."""
    chain = work_chain(project)
    receipts = list(chain.receipts.values())
    if not receipts and not chain.damaged:
        raise ProvenanceError("results/: no results and no receipts here, must be there to be verified: `dvc repro`")
    not_proven = ["any number: no study has results yet; `dvc repro` or `gsf report` writes them"]
    checked = {"receipts": len(receipts)}
    findings = [
        *check_names(chain),
        *check_layout(chain),
        *check_links(chain, receipts),
        *check_roots(project, receipts),
    ]
    findings += _check_state(project, "", receipts, not_proven, {})
    if deep:
        findings += deeply.check_artefacts(project, receipts, checked)
        findings += deeply.check_videos(project, "", receipts, checked, not_proven)
        findings += check_weights(project, receipts, checked)
    return _verdict(WORK_TREE, deep, checked, findings, not_proven, receipts)


def verify_file(project: Project, name: str) -> Verdict:
    """Verify one file, by its path in the project: its bytes against its receipt, and what a shard holds."""
    path = project.root / name
    chain = whole_chain(project)
    known = [digest for digest, paths in chain.paths.items() if name in paths]
    if known or name in chain.damaged:
        findings = [
            item for item in (*check_names(chain), *check_layout(chain)) if name in item.what or name == item.link
        ]
        findings += check_links(chain, [chain.receipts[digest] for digest in known])
        return _verdict(name, True, {"receipts": 1}, findings, [], [])
    writers = chain.writers(name)
    if not writers:
        raise ProvenanceError(f"{name}: no receipt here lists this file, must be what a stage wrote")
    found = sha256_file(path)
    receipt = next((item for item in writers if item.outputs[name] == found), writers[0])
    findings = list(deeply.check_file(path, name, receipt, found=found))
    if name.endswith(".lmdb") and not findings:
        findings += deeply.check_intact_shard(path, name, receipt)
    beyond = f"the rest of the chain: only this file was read, against receipt {receipt.digest[:12]} of {receipt.stage}"
    return _verdict(name, True, {"files": 1}, findings, [beyond], [])


def _check_state(
    project: Project, study: str, receipts: Sequence[Receipt], not_proven: list[str], moved: dict[str, str]
) -> list[Finding]:
    """Parameters, code, environment and dvc.lock against the receipts; stages that ran again are added to `moved`."""
    missing: list[str] = []
    findings = [
        *check_params(project, receipts),
        *check_plan(project, study, receipts),
        *check_ensembles(project, study, receipts),
        *check_code(receipts),
        *check_environment(project, receipts),
        *check_lock(project, study, receipts, missing=missing, moved=moved),
    ]
    outside = [weights for receipt in receipts for weights in weights_of(project, receipt)]
    elsewhere = sorted({weights.item.path for weights in outside if weights.kind == "weights"})
    if elsewhere:
        not_proven.append(
            f"how weights were made elsewhere, of which the sha256 is all that is known: {', '.join(elsewhere)}"
        )
    if missing:
        shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        not_proven.append(f"that DVC has the same state: dvc.lock does not have {shown}")
    if moved:
        not_proven.append(
            f"that DVC had the state of the results: it ran {len(moved)} of their stages again for another study, so"
            " that git alone has these receipts"
        )
    if study and another_is_active(project, study):
        not_proven.append(f"that params/plan.yaml is the one of {study}: another study is active (`gsf study {study}`)")
    return findings


def _verdict(
    name: str,
    deep: bool,
    checked: dict[str, int],
    findings: Sequence[Finding],
    not_proven: Sequence[str],
    receipts: Sequence[Receipt],
) -> Verdict:
    lines = list(not_proven)
    absent = sum(finding.kind == "absent" for finding in findings)
    outside = sum(not path.startswith("results/") for receipt in receipts for path in receipt.outputs)
    if not deep:
        what = f"the bytes of {outside} artefacts in data/ and runs/, of videos and of files from elsewhere"
        lines.insert(0, f"{what}: `--deep` reads them")
    elif absent:
        lines.insert(0, f"what is absent: {absent} links")
    return Verdict(name, deep, checked, tuple(dict.fromkeys(findings)), (*lines, *_ALWAYS))


def _cells(project: Project, study: str, findings: list[Finding]) -> list[Cell]:
    try:
        cells = read_cells(project, study)
    except ProvenanceError as error:
        link = f"results/{study}/results.json"
        findings.append(Finding("broken", link, str(error).removeprefix(f"{link}: "), "restore it from git"))
        return []
    if not cells:
        findings.append(Finding("broken", f"results/{study}/results.json", "has no cells", "run `gsf report` again"))
    return cells


def _report(project: Project, study: str, findings: list[Finding]) -> Receipt | None:
    """The receipt of the report; it is not kept under its digest, dvc.lock and git have it."""
    chain = Chain()
    receipt = chain.add(project, project.results(study) / REPORT_RECEIPT)
    for path, why in chain.damaged.items():
        findings.append(Finding("broken", path, why.removeprefix(f"{path}: "), "restore it from git"))
    findings += check_layout(chain)
    return receipt
