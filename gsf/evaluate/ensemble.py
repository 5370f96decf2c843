"""The ensemble stage: the scores of several evaluations of the same videos in, their average with its metrics out.

By default the weighted mean of the members' softmax probabilities of each video; of their logits where told. What is
written are scores like any other, one view a video: the logarithms of the averaged probabilities, whose softmax they
are, or the averaged logits. All metrics follow from them alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gsf.errors import EvaluationError
from gsf.evaluate.measuring import measuring_of, write_measured
from gsf.evaluate.ranking import Floats
from gsf.evaluate.scores import Scores, read_scores
from gsf.params.ensemble import Combined, read_members
from gsf.project import ENSEMBLE, Project
from gsf.provenance.evaluated import stage_name
from gsf.provenance.receipt import Receipt, StageResult, linked_inputs, seal

ENTRY = "gsf.evaluate.ensemble"
TOOLS = ("numpy", "safetensors")


@dataclass(frozen=True)
class MemberScores:
    """The scores of one member and its weight."""

    name: str  # run/protocol
    scores: Scores
    weight: float


def run(
    project: Project,
    *,
    benchmark: str,
    study: str,
    run: str,
    members: str,
    average: Combined = "probabilities",
    subsets: str | None = None,
) -> Receipt:
    """Combine evaluations of a study and seal the receipt.

    `members` is as `gsf.params.ensemble.members_text` writes it, `subsets` as for an evaluation.
    """
    manifest = [project.manifest(benchmark), project.manifest_info(benchmark)]
    inputs = linked_inputs(project, project.manifest_receipt(benchmark), manifest)
    found = []
    for item in read_members(members):
        place = project.evaluated(study, item.run, item.protocol)
        inputs += linked_inputs(project, place.receipt, [place.scores])
        found.append(MemberScores(item.name, read_scores(place.scores), item.weight))
    measuring, of_subsets = measuring_of(project, benchmark, subsets)
    scores = combine(found, average=average)
    place = project.evaluated(study, run, ENSEMBLE)
    write_measured(place, scores, measuring)
    command = ["gsf", "ensemble", benchmark, "--study", study, "--run", run, "--members", members]
    command += ["--average", average, *(["--subsets", subsets] if subsets else [])]
    return seal(
        project,
        StageResult(
            stage=stage_name(study, run, ENSEMBLE),
            command=command,
            params={},
            inputs=[*inputs, *of_subsets],
            outputs=place.outputs,
            entry=ENTRY,
            tools=TOOLS,
            facts={"n": len(scores.ids), "members": len(found), "views": sum(item.scores.views for item in found)},
        ),
        place.receipt,
    )


def combine(members: Sequence[MemberScores], *, average: Combined) -> Scores:
    """The weighted mean of scores of the same videos and classes, as scores of one view.

    With `probabilities`: `log sum_m w_m p_m`, `p_m` the member's probabilities of a video (the softmax of its averaged
    logits, or its averaged probabilities, as its protocol has it) and `w_m` its share of the weights. It is computed
    from logarithms, so that no probability becomes 0. With `logits`: `sum_m w_m z_m`, `z_m` the averaged logits.

    Raises:
        EvaluationError: the members are of other videos, labels or classes, or one has no averaged logits where they
            are asked for; names the members.
    """
    first = members[0]
    for other in members[1:]:
        _check_same(first, other)
    total = sum(item.weight for item in members)
    combined: Floats
    if average == "logits":
        combined = np.sum([item.weight / total * _logits(item) for item in members], axis=0)
    else:
        weighted = [np.log(item.weight / total) + log_probabilities(item.scores) for item in members]
        combined = np.logaddexp.reduce(weighted, axis=0)
    return Scores(
        ids=first.scores.ids,
        classes=first.scores.classes,
        labels=first.scores.labels,
        logits=combined[:, None, :].astype(np.float32),
        clips=1,
        crops=1,
        average="logits",
    ).check(where="the ensemble")


def log_probabilities(scores: Scores) -> Floats:
    """`(N, C)` logarithms of the probabilities of each video: what `video_probabilities` has, without underflow."""
    logits: Floats = scores.logits.astype(np.float64)  # (N, V, C)
    if scores.average == "logits":
        return _log_softmax(logits.mean(axis=1))
    views = _log_softmax(logits)
    averaged: Floats = np.logaddexp.reduce(views, axis=1) - np.log(views.shape[1])
    return averaged


def _log_softmax(values: Floats) -> Floats:
    """Over the last axis."""
    below = values - values.max(axis=-1, keepdims=True)
    logarithms: Floats = below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
    return logarithms


def _logits(member: MemberScores) -> Floats:
    if member.scores.average != "logits":
        raise EvaluationError(
            f"{member.name}: averages {member.scores.average} over views, so it has no averaged logits; must average"
            " logits for an ensemble with --average logits"
        )
    averaged: Floats = member.scores.logits.astype(np.float64).mean(axis=1)
    return averaged


def _check_same(first: MemberScores, other: MemberScores) -> None:
    one, two = first.scores, other.scores
    rule = f"{first.name} and {other.name}: must be scores of the same test videos and classes"
    remedy = "evaluate both again on the manifest as it is now"
    for what, these, those in (("videos", one.ids, two.ids), ("classes", one.classes, two.classes)):
        if len(these) != len(those):
            raise EvaluationError(f"{rule}, have {len(these)} and {len(those)} {what}; {remedy}")
        differ = next((pair for pair in zip(these, those, strict=True) if pair[0] != pair[1]), None)
        if differ is not None:
            raise EvaluationError(f"{rule}, differ in {what}: {differ[0]!r} and {differ[1]!r}; {remedy}")
    wrong = np.flatnonzero(one.labels != two.labels)
    if wrong.size:
        raise EvaluationError(f"{rule}, have other labels, as of {one.ids[wrong[0]]!r}; {remedy}")
