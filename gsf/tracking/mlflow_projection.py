"""MLflow as a projection of the chain: one run a training or ensemble, brought up to date from journals and receipts.

Everything is compared with what MLflow holds and only what is missing is written, so this may be repeated at any time.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gsf.errors import GsfError, TrackingError
from gsf.params.base import load
from gsf.params.study import Plan
from gsf.project import Project
from gsf.tracking.connection import connect, experiment_id, first_line, locked, shown_uri, tracking_uri
from gsf.tracking.ensembles import records_of, rows
from gsf.tracking.record import Record
from gsf.tracking.run_writer import RunWriter, find_runs, open_run
from gsf.tracking.view import publish_view

if TYPE_CHECKING:
    from mlflow import MlflowClient


LOCAL_HOST = "http://127.0.0.1:5000"  # where `mlflow ui` answers


@dataclass(frozen=True)
class Summary:
    """What a synchronisation did."""

    uri: str
    created: tuple[str, ...]  # names of the trainings whose run is new
    updated: tuple[str, ...]
    unchanged: tuple[str, ...]
    problems: tuple[str, ...]  # what was left out, and why
    views: tuple[tuple[str, str], ...]  # study and the address of its table

    def __str__(self) -> str:
        counts = f"{len(self.created)} runs created, {len(self.updated)} updated, {len(self.unchanged)} as they were"
        host = self.uri if self.uri.startswith("http") else LOCAL_HOST
        return "\n".join(
            [
                f"MLflow at {self.uri}: {counts}",
                *(f"left out: {line}" for line in self.problems),
                *(f"table of {study}: {host.rstrip('/')}{address}" for study, address in self.views),
                *([] if host == self.uri else [f"which needs: mlflow ui --backend-store-uri {self.uri}"]),
            ]
        )


def sync(project: Project) -> Summary:
    """Bring MLflow up to date with every journal and receipt here; TrackingError where it cannot be reached."""
    done: dict[str, list[str]] = {"created": [], "updated": [], "unchanged": []}
    problems: list[str] = []
    studies: dict[str, list[Record]] = {}
    views = []
    uri = shown_uri(tracking_uri(project))
    try:
        client = connect(project)
        for study, run in rows(project):
            try:
                records = records_of(project, study=study, run=run)
            except GsfError as error:
                problems.append(f"{study}/{run}: {error}")
                continue
            for record in records:
                done[project_record(client, project, record)].append(record.name)
                problems += record.problems
            studies.setdefault(study, []).extend(records)
        for study, records in studies.items():
            address = publish_view(client, experiment_id(client, project, study), records)
            views.append((study, address))
    except GsfError:
        raise
    except Exception as error:  # MLflow, its database driver and its HTTP client each raise their own
        raise TrackingError(
            f"{uri}: MLflow cannot be brought up to date: {first_line(error)}; nothing is lost: start the server, or"
            " correct or unset MLFLOW_TRACKING_URI, then run `gsf mlflow sync`"
        ) from error
    return Summary(
        uri=uri,
        problems=tuple(problems),
        views=tuple(views),
        **{name: tuple(runs) for name, runs in done.items()},
    )


def prepare(project: Project, study: str | None = None) -> str:
    """Create the tables and the experiment of a study (the active one), so that jobs find both; says what is there."""
    study = study or load(Plan, project.plan_file).study
    uri = shown_uri(tracking_uri(project))
    try:
        experiment = experiment_id(connect(project), project, study)
    except GsfError:
        raise
    except Exception as error:  # MLflow, its database driver and its HTTP client each raise their own
        raise TrackingError(
            f"{uri}: MLflow cannot be reached: {first_line(error)}; start the server, or correct or unset"
            " MLFLOW_TRACKING_URI"
        ) from error
    return f"MLflow at {uri}: experiment {experiment} is {study}"


def project_record(client: MlflowClient, project: Project, record: Record) -> str:
    """Write what MLflow lacks of one training; `created`, `updated` or `unchanged`."""
    experiment = experiment_id(client, project, record.study)
    with locked(project.work("train", record.study, record.run, "mlflow.lock")):
        run, created = open_run(client, experiment, record)
        writer = RunWriter(client, run)
        if writer.contradicts(record.points):  # the same inputs gave other numbers; points cannot be taken back
            run, created = open_run(client, experiment, record, instead_of=run)
            writer = RunWriter(client, run)
        writer.params(record.params)
        writer.points(record.points)
        writer.measured(record.measured)
        writer.data(record.data)
        with tempfile.TemporaryDirectory() as folder:
            writer.files(record, Path(folder))
        writer.tags(record.tags | {"gsf.current": "true" if record.current else "false"})
        writer.state(record)
        if record.current:
            _retire_others(client, experiment, record, keep=writer.run_id)
    return "created" if created else "updated" if writer.wrote else "unchanged"


def _retire_others(client: MlflowClient, experiment: str, record: Record, *, keep: str) -> None:
    """Earlier trainings of the same name stay to be looked at, but are not the ones behind the results."""
    for run in find_runs(client, experiment, {"gsf.training": record.name, "gsf.current": "true"}):
        if run.info.run_id != keep:
            client.set_tag(run.info.run_id, "gsf.current", "false")
