"""Where the scores of a run lie, and the metrics that follow from them: of one network, or of an ensemble of several.

An ensemble has `ensemble` in place of a protocol: its members may have been evaluated by different ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gsf.project import Project, check_name

ENSEMBLE = "ensemble"
MEASURED = ("top1", "top5", "mean_class")


@dataclass(frozen=True)
class Evaluated:
    """The files of one evaluation or ensemble."""

    folder: Path

    @property
    def scores(self) -> Path:
        """Logits of every view, or the combined ones of an ensemble."""
        return self.folder / "scores.safetensors"

    @property
    def metrics(self) -> Path:
        """What follows from the scores."""
        return self.folder / "metrics.json"

    @property
    def confusion(self) -> Path:
        """True and predicted class of every video."""
        return self.folder / "confusion.csv"

    @property
    def receipt(self) -> Path:
        """Of the stage that wrote the others."""
        return self.folder / "receipt.json"

    @property
    def outputs(self) -> list[Path]:
        """What the receipt lists."""
        return [self.scores, self.metrics, self.confusion]


def evaluated(project: Project, study: str, run: str, protocol: str) -> Evaluated:
    """The files of a run under a protocol, or of an ensemble where that is `ensemble`."""
    if protocol != ENSEMBLE:
        return Evaluated(project.evaluation(study, run, protocol))
    return Evaluated(project.root / "runs" / check_name(study, what="study") / "ensemble" / check_name(run, what="run"))


def stage_name(study: str, run: str, protocol: str) -> str:
    """The stage that writes them, as dvc.yaml names it."""
    return f"ensemble@{study}-{run}" if protocol == ENSEMBLE else f"evaluate@{study}-{run}-{protocol}"


def videos_of(metrics: Mapping[str, Any], metric: str) -> Any:
    """How many videos a metric of a metrics.json speaks of."""
    return metrics.get("counts", {}).get(metric, metrics["pair_n" if metric == "pair_accuracy" else "n"])


def broken_down(metrics: Mapping[str, Any]) -> list[str]:
    """The names of these metrics in a metrics.json, in the order of parts and subsets."""
    names = metrics.get("breakdown", {"parts": [], "subsets": []})
    found = [
        ".".join(piece for piece in (subset, part, metric) if piece)
        for subset in ("", *names["subsets"])
        for part in names["parts"] or [""]
        for metric in MEASURED
    ]
    return [name for name in found if "." in name and name in metrics]
