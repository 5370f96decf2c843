"""Which classes a network takes for which, from the scores in evidence: a table, and the commonest mistakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gsf.errors import EvaluationError
from gsf.evaluate.metrics import predictions
from gsf.evaluate.scores import Scores, read_scores
from gsf.project import Project
from gsf.proof.results import evidence_path
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import Receipt

MOST_CLASSES = 40  # beyond it a table is no picture any more
_MISTAKES = 15


@dataclass(frozen=True)
class Mistake:
    actual: str
    predicted: str
    count: int
    of: int  # videos of the true class


@dataclass(frozen=True)
class Confusion:
    """Counts by true and predicted class, in an order in which the classes of a pair stand side by side."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    mistakes: tuple[Mistake, ...]  # the commonest

    @property
    def small(self) -> bool:
        """Whether it can be shown whole."""
        return len(self.classes) <= MOST_CLASSES

    def share(self, row: int, column: int) -> int:
        """Tenths of the row's videos, 0 .. 10."""
        total = sum(self.counts[row])
        return round(10 * self.counts[row][column] / total) if total else 0


def scores_of(project: Project, study: str, receipt: Receipt) -> Scores | None:
    """The scores that an evaluation wrote; None where they are not here, or are others."""
    for path, promised in receipt.outputs.items():
        for place in (evidence_path(project, study, path), project.root / path):
            if path.endswith("/scores.safetensors") and place is not None and place.is_file():
                try:
                    if sha256_file(place) == promised:
                        return read_scores(place)
                except (EvaluationError, OSError):
                    continue
    return None


def confusion_of(scores: Scores, pairs: Sequence[Sequence[str]]) -> Confusion:
    """The confusion of scores."""
    paired = [name for pair in sorted(sorted(pair) for pair in pairs) for name in pair if name in scores.classes]
    order = [*paired, *(name for name in scores.classes if name not in paired)]
    found = Counter(zip(scores.labels.tolist(), predictions(scores).tolist(), strict=True))
    index = [scores.classes.index(name) for name in order]
    counts = tuple(tuple(found[row, column] for column in index) for row in index)
    totals = Counter(scores.labels.tolist())
    wrong = sorted(((n, a, p) for (a, p), n in found.items() if a != p), key=lambda item: (-item[0], item[1], item[2]))
    mistakes = tuple(Mistake(scores.classes[a], scores.classes[p], n, totals[a]) for n, a, p in wrong[:_MISTAKES])
    return Confusion(tuple(order), counts, mistakes)
