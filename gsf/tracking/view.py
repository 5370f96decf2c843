"""A study's table in MLflow: the columns that answer which variant, how accurate, at which cost, on which data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from gsf.tracking.cost import COSTS
from gsf.tracking.record import Record

if TYPE_CHECKING:
    from mlflow import MlflowClient

SHARE_KEY = "gsf"
_PARAMS = ("model.temporal", "model.backbone", "benchmark", "seed")
_METRICS = (".top1", ".pair_accuracy")
_COSTS = (*COSTS, "clips_per_second")


def publish_view(client: MlflowClient, experiment: str, records: Iterable[Record]) -> str:
    """Store the view of a study with its experiment, as MLflow's own share button does; returns its address.

    The address is relative to the server's. An MLflow whose pages keep views in another form shows its own columns.
    """
    records = list(records)
    measured = _accuracies(records)
    told = {name for record in records for name in record.measured} | {p.metric for r in records for p in r.points}
    shown = [*measured, *(name for name in _COSTS if name in told)]
    columns = ["attributes.`Dataset`", *(f"params.`{name}`" for name in _PARAMS), *(f"metrics.`{n}`" for n in shown)]
    best_first = next((name for name in measured if name.endswith(".top1")), None)
    view = {
        "searchFilter": "tags.`gsf.current` = 'true'",
        "selectedColumns": columns,
        "orderByKey": f"metrics.`{best_first}`" if best_first else "attributes.`Created`",
        "orderByAsc": False,
    }
    wanted = {
        "mlflow.experimentKind": "custom_model_development",
        f"mlflow.sharedViewState.{SHARE_KEY}": json.dumps(view),
    }
    tags = client.get_experiment(experiment).tags
    for name, value in wanted.items():
        if tags.get(name) != value:
            client.set_experiment_tag(experiment, name, value)
    return f"/#/experiments/{experiment}/runs?viewStateShareKey={SHARE_KEY}&workflowType=machine_learning"


def _accuracies(records: Sequence[Record]) -> list[str]:
    """The accuracies of protocols that leave the frames in their order, the plainest protocol first."""
    protocols = {name: settings for record in records for name, settings in record.protocols.items()}
    found: dict[str, tuple[float, float, str, int, str]] = {}
    for name in {name for record in records for name in record.measured if name.endswith(_METRICS)}:
        protocol = name.partition(".")[0]
        settings = protocols.get(protocol, {})
        if settings.get("time", "forward") == "forward":
            found[name] = (*_looks(settings), protocol, name.count("."), name)  # top1 before verb.top1
    return sorted(found, key=lambda name: found[name])


def _looks(settings: Mapping[str, Any]) -> tuple[float, float]:
    """Views of a video and frames of a view; an ensemble, which has no protocol of its own, looks more than any."""
    if not settings:
        return inf, inf
    views = settings.get("clips", 1) * settings.get("crops", 1) * (2 if settings.get("flips") else 1)
    return float(views), float(settings.get("frames", 1))
