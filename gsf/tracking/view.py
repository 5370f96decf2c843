"""A study's table in MLflow: the columns that answer which variant, how accurate, at which cost, on which data."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

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
    measured = sorted({name for record in records for name in record.measured if name.endswith(_METRICS)})
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
