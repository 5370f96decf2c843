"""Ensembles combined again from the scores of their members: part of `gsf verify --recompute`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from gsf.errors import GsfError
from gsf.evaluate.ensemble import MemberScores, combine
from gsf.evaluate.scores import Scores, read_scores
from gsf.params.ensemble import Combined, read_members
from gsf.project import Project
from gsf.proof.chain import Command
from gsf.proof.findings import Finding
from gsf.provenance.receipt import Receipt
from gsf.report.found import Place, scores_file

CLOSE = 1e-5  # distance of log-probabilities, relative to the largest or 1: another library's exponential
_REMEDY = "restore results/ from git, or run `gsf ensemble` and `gsf report` again"


def check_combined(
    project: Project,
    study: str,
    receipt: Receipt,
    file: Path,
    evaluations: Mapping[Place, Receipt],
    checked: dict[str, int],
) -> Iterator[Finding]:
    """Whether the scores of an ensemble are the average of its members' scores, as far as these are here."""
    options = Command.of(receipt).options
    members = []
    for item in read_members(options["members"]):
        behind = evaluations.get((item.run, item.protocol))
        found = scores_file(project, study, behind) if behind is not None else None
        if found is None:
            what = f"the scores of its member {item.name} are not here, so it was not combined again"
            yield Finding("absent", receipt.stage, what, "`dvc pull` or `dvc repro` brings them")
            return
        try:
            members.append(MemberScores(item.name, read_scores(found), item.weight))
        except GsfError:
            return  # that of the member itself says so
    average: Combined = "logits" if options.get("average") == "logits" else "probabilities"
    try:
        again, there = combine(members, average=average), read_scores(file)
    except GsfError as error:
        yield Finding("broken", receipt.stage, f"cannot be combined again: {error}", _REMEDY)
        return
    checked["ensembles combined again"] = checked.get("ensembles combined again", 0) + 1
    yield from _compare(receipt.stage, again, there)


def _compare(stage: str, again: Scores, there: Scores) -> Iterator[Finding]:
    same = (again.ids, again.classes) == (there.ids, there.classes) and np.array_equal(again.labels, there.labels)
    if not same or again.logits.shape != there.logits.shape or there.average != "logits":
        yield Finding("broken", stage, "its scores are of other videos or classes than its members'", _REMEDY)
        return
    if np.array_equal(again.logits, there.logits):
        return
    distance = float(np.abs(again.logits - there.logits).max() / max(1.0, float(np.abs(there.logits).max())))
    what = f"its scores are not the average of its members': they differ by {distance:.1e}, tolerated: {CLOSE:.0e}"
    if distance <= CLOSE:
        yield Finding("close", stage, what, "")
    else:
        yield Finding("broken", stage, what, _REMEDY)
