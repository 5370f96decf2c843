"""Writing into one MLflow run only what it lacks."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file
from gsf.tables import read_table
from gsf.tracking.journal import TRAINING_KEY, Params
from gsf.tracking.pictures import draw_confusion, draw_curves
from gsf.tracking.points import Point
from gsf.tracking.record import Data, Record
from gsf.tracking.system import PREFIX

if TYPE_CHECKING:
    from mlflow import MlflowClient

BATCH = 500  # points of one call; MLflow takes 1000
PARAMS_BATCH = 100
REPLACED = "gsf.replaced_by"
STATUS = {"running": "RUNNING", "finished": "FINISHED", "failed": "FAILED"}


def find_runs(client: MlflowClient, experiment: str, tags: Mapping[str, str]) -> list[Any]:
    """The runs of an experiment that have all these tags, the oldest first."""
    text = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    return list(client.search_runs([experiment], filter_string=text, order_by=["attributes.start_time ASC"]))


def open_run(client: MlflowClient, experiment: str, record: Record, *, instead_of: Any = None) -> tuple[Any, bool]:
    """The run of a training, and whether it is new. The caller holds the training's lock."""
    identity = {"gsf.training": record.name, TRAINING_KEY: record.training_key}
    if instead_of is None:
        for run in find_runs(client, experiment, identity):
            if REPLACED not in run.data.tags:
                return client.get_run(run.info.run_id), False
    new = client.create_run(experiment, start_time=_milliseconds(record.started), tags=identity, run_name=record.run)
    if instead_of is not None:
        client.set_tag(instead_of.info.run_id, REPLACED, new.info.run_id)
        client.set_tag(instead_of.info.run_id, "gsf.current", "false")
    return new, True


class RunWriter:
    """One run; `wrote` tells whether it lacked anything."""

    def __init__(self, client: MlflowClient, run: Any) -> None:
        self._client, self._run = client, run
        self._history: dict[str, dict[int, float]] = {}
        self.run_id = str(run.info.run_id)
        self.wrote = False

    def params(self, params: Params) -> None:
        """Params cannot be changed once written; those of a training never have to be."""
        from mlflow.entities import Param

        known = self._run.data.params
        new = [Param(name, str(value)) for name, value in sorted(params.items()) if name not in known]
        for start in range(0, len(new), PARAMS_BATCH):
            self._client.log_batch(self.run_id, params=new[start : start + PARAMS_BATCH])
            self.wrote = True

    def contradicts(self, points: Sequence[Point]) -> bool:
        """Whether a point is there with another value; what the machine gave is no part of a result."""
        told = [point for point in points if not point.metric.startswith(PREFIX)]
        known = [(self._known(point.metric).get(point.step), point.value) for point in told]
        return any(there is not None and not same(there, value) for there, value in known)

    def points(self, points: Sequence[Point]) -> None:
        """Curves; a point written twice would be shown twice."""
        from mlflow.entities import Metric

        new = [point for point in points if point.step not in self._known(point.metric)]
        for start in range(0, len(new), BATCH):
            batch = [Metric(p.metric, p.value, _milliseconds(p.time), p.step) for p in new[start : start + BATCH]]
            self._client.log_batch(self.run_id, metrics=batch)
            self.wrote = True

    def measured(self, values: Mapping[str, float]) -> None:
        """Results of evaluations; a new value becomes the next step, because MLflow shows the last one."""
        from mlflow.entities import Metric

        new = []
        for name, value in values.items():
            if name in self._run.data.metrics and same(self._run.data.metrics[name], value):
                continue
            new.append(Metric(name, value, self._now(), max(self._known(name), default=-1) + 1))
        if new:
            self._client.log_batch(self.run_id, metrics=new)
            self.wrote = True

    def data(self, data: Sequence[Data]) -> None:
        """The manifests, as MLflow's datasets."""
        inputs = self._run.inputs
        known = {(item.dataset.name, item.dataset.digest) for item in (inputs.dataset_inputs if inputs else ())}
        new = [dataset_input(item) for item in data if (item.benchmark, item.digest) not in known]
        if new:
            self._client.log_inputs(self.run_id, new)
            self.wrote = True

    def tags(self, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        new = [RunTag(name, value) for name, value in tags.items() if self._run.data.tags.get(name) != value]
        if new:
            self._client.log_batch(self.run_id, tags=new)
            self.wrote = True

    def files(self, record: Record, scratch: Path) -> None:
        """Receipts, metrics and the pictures drawn from them; all again where one is missing or has changed."""
        digests = {name: sha256_file(path) for name, path in record.files.items()}
        stamp = sha256_bytes(canonical_json(digests))
        if not record.files or (self._run.data.tags.get("gsf.files") == stamp and self._has(record.files)):
            return
        for name, path in {**record.files, **_pictures(record, scratch)}.items():
            self._client.log_artifact(self.run_id, str(path), name.rpartition("/")[0])
        self.tags({"gsf.files": stamp})

    def state(self, record: Record) -> None:
        """Running, finished or failed; a resumed training runs again."""
        status, ended = STATUS[record.status], record.ended
        if self._run.info.status == status:
            return
        if status == "RUNNING":
            self._client.update_run(self.run_id, status=status)
        else:
            self._client.set_terminated(self.run_id, status, None if ended is None else _milliseconds(ended))
        self.wrote = True

    def _known(self, metric: str) -> dict[int, float]:
        """Value by step, as the run has them."""
        if metric not in self._history:
            there = metric in self._run.data.metrics
            history = self._client.get_metric_history(self.run_id, metric) if there else []
            self._history[metric] = {int(point.step): float(point.value) for point in history}
        return self._history[metric]

    def _has(self, names: Mapping[str, Path]) -> bool:
        folders = {name.rpartition("/")[0] for name in names}
        there = {item.path for folder in folders for item in self._client.list_artifacts(self.run_id, folder)}
        return there >= names.keys()

    def _now(self) -> int:
        from time import time

        return _milliseconds(time())


def picture_names(record: Record) -> list[str]:
    """The pictures that are drawn of a record, by name among the run's artefacts."""
    confusions = [name.rpartition("/")[0] for name in record.files if name.endswith("/confusion.csv")]
    return [*(["train/curves.png"] if record.points else []), *(f"{folder}/confusion.png" for folder in confusions)]


def _pictures(record: Record, scratch: Path) -> dict[str, Path]:
    """Drawn into `scratch`; by name among the run's artefacts."""
    found = {}
    if record.points:
        curves: dict[str, list[tuple[int, float]]] = {}
        for point in record.points:
            curves.setdefault(point.metric, []).append((point.step, point.value))
        found["train/curves.png"] = scratch / "curves.png"
        draw_curves(found["train/curves.png"], curves, title=record.name)
    for name, path in record.files.items():
        if name.endswith("/confusion.csv"):
            folder = name.rpartition("/")[0]
            pairs = [(row["actual"], row["predicted"]) for row in read_table(path, ("actual", "predicted"))]
            target = scratch / folder.rpartition("/")[2] / "confusion.png"
            target.parent.mkdir()
            draw_confusion(target, pairs, title=f"{record.name}/{path.parent.name}")
            found[f"{folder}/confusion.png"] = target
    return found


def dataset_input(data: Data) -> Any:
    """A manifest as MLflow's dataset."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    profile = {"videos": data.videos, "excluded": data.excluded}
    dataset = Dataset(
        name=data.benchmark,
        digest=data.digest,
        source_type="gsf",
        source=json.dumps({"manifest": data.manifest, "sha256": data.sha256}),
        profile=json.dumps({name: value for name, value in profile.items() if value is not None}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", data.context)])


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def same(a: float, b: float) -> bool:
    """Whether two values are one: a server may round the last digit."""
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
