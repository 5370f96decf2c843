"""Evaluations of one network, or of an ensemble of several: the stage that makes one, and what its metrics hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gsf.project import ENSEMBLE

MEASURED = ("top1", "top5", "mean_class")


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
