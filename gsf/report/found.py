"""The evaluations behind a study's results, and their scores as far as they are here."""

from __future__ import annotations

from pathlib import Path

from gsf.project import ENSEMBLE, Project
from gsf.proof.chain import Command, study_chain
from gsf.proof.results import evidence_path
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import Receipt

Place = tuple[str, str]  # run and protocol; `ensemble` in place of an ensemble's protocol


def evaluations_of(project: Project, study: str) -> dict[Place, Receipt]:
    """The receipts of evaluations and ensembles among a study's results."""
    receipts = study_chain(project, study).receipts.values()
    return {place_of(item): item for item in receipts if Command.of(item).verb in ("evaluate", "ensemble")}


def place_of(receipt: Receipt) -> Place:
    """Run and protocol of an evaluation or ensemble."""
    options = Command.of(receipt).options
    return options.get("run", ""), options.get("protocol", ENSEMBLE)


def scores_file(project: Project, study: str, receipt: Receipt) -> Path | None:
    """The very scores that a receipt lists, from results/ or the work tree; a copy in git counts even if changed."""
    original = project.evaluated(study, *place_of(receipt)).scores
    name = project.relative(original)
    copy = evidence_path(project, study, name)
    if copy is not None and copy.is_file():
        return copy
    return original if original.is_file() and sha256_file(original) == receipt.outputs.get(name) else None
