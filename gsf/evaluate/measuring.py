"""From scores to the files beside them: metrics and confusion, with what a benchmark says of its classes and videos."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gsf.data.subsets import FILE as SUBSETS_FILE
from gsf.data.subsets import Subset, read_subsets
from gsf.evaluate.breakdown import Breakdown
from gsf.evaluate.metrics import compute_metrics, confusion_rows
from gsf.evaluate.scores import Scores, write_scores
from gsf.project import Evaluated, Project
from gsf.provenance.hashing import canonical_json, write_atomically
from gsf.provenance.receipt import Input, linked_inputs, root_input
from gsf.tables import table_bytes

CONFUSION_COLUMNS = ("actual", "predicted")


@dataclass(frozen=True)
class Measuring:
    """What metrics need besides scores."""

    reversal_pairs: Sequence[Sequence[str]]
    excluded: Sequence[Mapping[str, str]]
    breakdown: Breakdown
    where: str  # the table of subsets, for messages

    @classmethod
    def of(cls, manifest: Mapping[str, Any], subsets: Sequence[Subset] = (), *, where: str = "subsets") -> Measuring:
        """From the content of manifest.json and of a table of subsets."""
        breakdown = Breakdown.of(manifest, subsets, where=where)
        return cls(manifest["reversal_pairs"], manifest["excluded"], breakdown, where)

    def metrics(self, scores: Scores) -> dict[str, Any]:
        """What metrics.json holds."""
        self.breakdown.check_videos(scores.ids, self.excluded, where=self.where)
        excluded = sum(row["split"] == "test" for row in self.excluded)
        return compute_metrics(scores, reversal_pairs=self.reversal_pairs, excluded=excluded, breakdown=self.breakdown)


def confusion_bytes(scores: Scores) -> bytes:
    """What confusion.csv holds."""
    return table_bytes(CONFUSION_COLUMNS, confusion_rows(scores))


def write_measured(place: Evaluated, scores: Scores, measuring: Measuring) -> None:
    """Write scores, metrics and confusion."""
    metrics = measuring.metrics(scores)
    write_scores(place.scores, scores)
    write_atomically(place.metrics, canonical_json(metrics))
    write_atomically(place.confusion, confusion_bytes(scores))


def measuring_of(project: Project, benchmark: str, subsets: str | None) -> tuple[Measuring, list[Input]]:
    """What metrics on a benchmark need, and the table of subsets as an input.

    Args:
        project: where the manifest lies.
        benchmark: its name.
        subsets: a table of subsets, or the folder where stage annotate wrote one; relative to the project.
    """
    manifest = json.loads(project.manifest_info(benchmark).read_bytes())
    if subsets is None:
        return Measuring.of(manifest), []
    path = project.root / subsets
    if path.is_dir():
        path = path / SUBSETS_FILE
        inputs = linked_inputs(project, project.annotate_receipt(benchmark), [path])
    else:
        inputs = [root_input(project, path)] if path.is_file() else []
    return Measuring.of(manifest, read_subsets(path), where=project.relative(path)), inputs
