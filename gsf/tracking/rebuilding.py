"""`gsf mlflow rebuild`: MLflow anew from journals and receipts; what was there is kept aside.

A database in a file is built beside the old one and takes its place when it is whole, also under the eyes of a server
or training that has it open. On a server the experiments of the studies here are renamed and written anew; nothing
else there is touched.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsf.errors import GsfError, TrackingError
from gsf.project import Project
from gsf.tracking.connection import LOCK_SECONDS, connect, database_file, first_line, locked, shown_uri, tracking_uri
from gsf.tracking.ensembles import records_of, rows
from gsf.tracking.journal import TRAINING_KEY
from gsf.tracking.mlflow_projection import Summary, sync
from gsf.tracking.registry import PROTOCOL, register

if TYPE_CHECKING:
    from mlflow import MlflowClient

_COMPANIONS = ("-journal", "-wal", "-shm")  # what SQLite keeps beside a database that was not closed


@dataclass(frozen=True)
class Rebuilt:
    """What was built, and where that is which was there before."""

    summary: Summary
    kept: tuple[str, ...]
    registered: tuple[str, ...]  # models that were registered before, and are again
    lost: tuple[str, ...]  # models that were registered before, and why they are not now

    def __str__(self) -> str:
        lines = [str(self.summary), *(f"kept aside: {item}" for item in self.kept)]
        lines += [*self.registered, *(f"not registered again: {item}" for item in self.lost)]
        return "\n".join(lines)


@dataclass(frozen=True)
class _Model:
    """A registered version that `gsf mlflow register` made."""

    name: str
    study: str
    run: str
    protocol: str | None


def rebuild(project: Project, *, force: bool = False) -> Rebuilt:
    """Make MLflow anew.

    Args:
        force: also where runs or models are there that nothing here tells of.

    Raises:
        TrackingError: such runs are there, or MLflow cannot be reached; then all is as it was.
    """
    uri = tracking_uri(project)
    file = database_file(uri)
    try:
        if file is not None:
            return _rebuild_file(project, file, force=force)
        return _rebuild_on_server(project, force=force)
    except GsfError:
        raise
    except Exception as error:  # MLflow, its database driver and its HTTP client each raise their own
        raise TrackingError(
            f"{shown_uri(uri)}: MLflow cannot be rebuilt: {first_line(error)}; all is as it was: start the server, or"
            " correct or unset MLFLOW_TRACKING_URI, then run `gsf mlflow rebuild`"
        ) from error


def _rebuild_file(project: Project, file: Path, *, force: bool) -> Rebuilt:
    models: list[_Model] = []
    if file.is_file():
        try:
            client = connect(project)
            experiments = [str(item.experiment_id) for item in client.search_experiments()]
            others = _others(client, project, experiments)
            models, strange = _models(client)
            others += strange
        except Exception as error:  # a damaged database raises whatever its damage makes it
            others = [f"nobody knows what: it cannot be read ({first_line(error)})"]
        _refuse(str(file), others, force=force)
    stamp = _stamp()
    new = file.with_name(f"{file.name}.new-{stamp}")
    aside = file.with_name(f"{file.name}.before-{stamp}")
    try:
        with _tracking(f"sqlite:///{new}"):
            summary = sync(project)
            registered, lost = _register(project, models)
        with locked(project.work("mlflow.lock")):
            _take_place(new, file, aside)
    finally:
        for end in ("", *_COMPANIONS):
            Path(f"{new}{end}").unlink(missing_ok=True)
    kept = (f"sqlite:///{aside}",) if aside.exists() else ()
    return Rebuilt(replace(summary, uri=tracking_uri(project)), kept, registered, lost)


def _take_place(new: Path, file: Path, aside: Path) -> None:
    """Put one database in place of another, which is kept aside."""
    if file.exists():
        try:
            _copy(file, aside)
            _copy(new, file)
            return
        except sqlite3.OperationalError:  # locked for too long, no space: for the user to mend
            raise
        except sqlite3.DatabaseError:  # it is damaged: then as a file
            aside.unlink(missing_ok=True)
        for end in ("", *_COMPANIONS):
            if Path(f"{file}{end}").exists():
                Path(f"{file}{end}").rename(f"{aside}{end}")
    new.replace(file)


def _copy(source: Path, target: Path) -> None:
    """Copy the content of a database in one transaction, which whoever has it open sees whole."""
    with (
        closing(sqlite3.connect(source, timeout=LOCK_SECONDS)) as reader,
        closing(sqlite3.connect(target, timeout=LOCK_SECONDS)) as writer,
    ):
        reader.backup(writer)


def _rebuild_on_server(project: Project, *, force: bool) -> Rebuilt:
    client = connect(project)
    studies = sorted({study for study, _ in rows(project)})
    experiments = [item for study in studies if (item := client.get_experiment_by_name(study)) is not None]
    _refuse(
        ", ".join(item.name for item in experiments),
        _others(client, project, [str(item.experiment_id) for item in experiments]),
        force=force,
    )
    stamp, renamed = _stamp(), {}
    try:
        for item in experiments:
            aside = f"{item.name} before {stamp}"
            client.rename_experiment(item.experiment_id, aside)
            renamed[aside] = item
        summary = sync(project)
    except BaseException:
        for item in renamed.values():
            half = client.get_experiment_by_name(item.name)
            if half is not None:  # the name of a deleted experiment stays taken, so it gets another first
                client.rename_experiment(half.experiment_id, f"{item.name} unfinished {stamp}")
                client.delete_experiment(half.experiment_id)
            client.rename_experiment(item.experiment_id, item.name)
        raise
    return Rebuilt(summary, tuple(f"experiment {name!r}" for name in renamed), (), ())


def _others(client: MlflowClient, project: Project, experiments: Sequence[str]) -> list[str]:
    """The runs of which nothing here tells."""
    known = set()
    for study, run in rows(project):
        with suppress(GsfError):  # whose receipt is damaged cannot be built anew: then it is as if of others
            known |= {(record.name, record.training_key) for record in records_of(project, study=study, run=run)}
    found, token = [], None
    while experiments:
        page = client.search_runs(list(experiments), max_results=1000, page_token=token)
        for run in page:
            tags: dict[str, Any] = run.data.tags
            if (tags.get("gsf.training"), tags.get(TRAINING_KEY)) not in known:
                found.append(f"run {run.info.run_id} ({run.info.run_name})")
        token = page.token
        if not token:
            break
    return found


def _models(client: MlflowClient) -> tuple[list[_Model], list[str]]:
    """The registered versions that can be registered again, the oldest first; and those that others registered."""
    ours, others = [], []
    for item in sorted(client.search_model_versions(), key=lambda version: int(version.version)):
        if "gsf.study" in item.tags and "gsf.run" in item.tags:
            tags = item.tags
            ours.append(_Model(item.name, tags["gsf.study"], tags["gsf.run"], tags.get(PROTOCOL)))
        else:
            others.append(f"model {item.name}, version {item.version}")
    return list(dict.fromkeys(ours)), others


def _register(project: Project, models: Sequence[_Model]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Register models again, each after it was verified again."""
    done, lost = [], []
    for model in models:
        try:
            again = register(project, model.run, study=model.study, name=model.name, protocol=model.protocol)
            done.append(str(again))
        except GsfError as error:
            lost.append(f"{model.name}: {error}")
    return tuple(done), tuple(lost)


def _refuse(where: str, others: Sequence[str], *, force: bool) -> None:
    if others and not force:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        raise TrackingError(
            f"{where}: holds what nothing here tells of: {', '.join(others[:3])}{more}; what is built anew would lack"
            " it: `gsf mlflow rebuild --force` does so nevertheless, and keeps the old aside"
        )


@contextmanager
def _tracking(uri: str) -> Iterator[None]:
    """MLflow at another place for as long as the block takes."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    os.environ["MLFLOW_TRACKING_URI"] = uri
    try:
        yield
    finally:
        if before is None:
            del os.environ["MLFLOW_TRACKING_URI"]
        else:
            os.environ["MLFLOW_TRACKING_URI"] = before


def _stamp() -> str:
    return time.strftime("%Y%m%d-%H%M%S")
