"""Records of the results: one a number, as JSON that git shows well, and as text for a table."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from gsf.provenance.evaluated import broken_down, videos_of

# Metrics that become cells, in the order of the table, and how people read them.
METRICS = {
    "pair_accuracy": "within pairs",
    "top1": "top-1",
    "top5": "top-5",
    "mean_class": "mean per class",
    "ece": "calibration error",
}
Metrics = Mapping[str, Any]  # the content of a metrics.json


def metric_cells(metrics: Metrics, *, benchmark: str, run: str, protocol: str, receipt: str) -> list[dict[str, Any]]:
    """The cells of one evaluation; `low` and `high` of 95 % where the metric has an interval."""
    cells = []
    for metric in (*(name for name in METRICS if name in metrics), *broken_down(metrics)):
        interval = metrics["intervals"].get(metric)
        cells.append(
            {
                "benchmark": benchmark,
                "experiment": run,
                "protocol": protocol,
                "metric": metric,
                "value": metrics[metric],
                "n": videos_of(metrics, metric),
                "receipt": receipt,
                **({"low": interval[0], "high": interval[1]} if interval else {}),
            }
        )
    return cells


def readable_json(records: Sequence[Mapping[str, object]]) -> bytes:
    """A list of records, one a line, so that a change in one number is a change of one line in git."""
    if not records:
        return b"[]\n"
    lines = [json.dumps(record, ensure_ascii=False, allow_nan=False) for record in records]
    return ("[\n " + ",\n ".join(lines) + "\n]\n").encode("utf-8")


def percent(runs: Sequence[Metrics], metric: str) -> str:
    """Of one run its value and interval; of several the mean and the sample deviation over seeds."""
    having = [metrics for metrics in runs if metric in metrics]
    if not having:
        return ""
    values = [metrics[metric] for metrics in having]
    mean = f"{100 * statistics.fmean(values):.1f}"
    if len(values) > 1:
        return f"{mean} ± {100 * statistics.stdev(values):.1f}"
    interval = having[0]["intervals"].get(metric)
    return f"{mean} [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else mean
