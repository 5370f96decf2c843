"""The way to MLflow: which server or database, set up once even where many processes meet it first."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from gsf.errors import TrackingError
from gsf.project import Project

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOCK_SECONDS = 60.0
_SECRETS = (
    (re.compile(r"(?<!sqlite)://[^\s'\"]*@"), "://***@"),
    (re.compile(r"(?i)\b((?:ssl)?password=)[^&\s'\"]*"), r"\1***"),
)
POSTGRES_LOCK = 0x677366  # "gsf": the number of the advisory lock under which tables are created

# Set before mlflow is imported, where the user has not set them: a training never waits long for a server that is away.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",  # s
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def tracking_uri(project: Project) -> str:
    """MLFLOW_TRACKING_URI, else the database mlflow.db in the project."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project.root / 'mlflow.db'}"


def is_local(uri: str) -> bool:
    """Whether this process itself opens the database, and so sets it up."""
    return not uri.startswith(("http://", "https://"))


def connect(project: Project) -> MlflowClient:
    """A client whose database has its tables; any error that MLflow raises comes through as it is."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):  # the tables' creation is told line by line otherwise
        logging.getLogger(name).setLevel(logging.WARNING)
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    uri = tracking_uri(project)
    with locked(project.work("mlflow.lock")) if is_local(uri) else nullcontext(), database_locked(uri):
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)  # creates the tables: processes that race here crash
        if is_local(uri):
            client.search_experiments(max_results=1)  # whichever of the two steps opens the database
    return client


def experiment_id(client: MlflowClient, project: Project, study: str) -> str:
    """The experiment of a study, created where it is not there yet."""
    uri = tracking_uri(project)
    with locked(project.work("mlflow.lock")):
        experiment = client.get_experiment_by_name(study)
        if experiment is None:
            location = (project.root / "mlartifacts" / study).as_uri() if is_local(uri) else None
            try:
                return str(client.create_experiment(study, artifact_location=location))
            except Exception:  # another clone, which this lock does not bind, may have been first
                experiment = client.get_experiment_by_name(study)
                if experiment is None:
                    raise
    if experiment.lifecycle_stage != "active":
        raise TrackingError(
            f"{shown_uri(uri)}: experiment {study!r} is deleted, must be active: restore it"
            f" (mlflow experiments restore --experiment-id {experiment.experiment_id})"
        )
    return str(experiment.experiment_id)


def connect_to_existing(project: Project) -> MlflowClient:
    """As `connect`, but a database in a file has to be there: a question must not create one."""
    uri = tracking_uri(project)
    if (file := database_file(uri)) is not None:
        if not file.is_file():
            raise TrackingError(f"{shown_uri(uri)}: no such database, must be there to be read: run `gsf mlflow sync`")
        _check_database(file, uri)
    return connect(project)


def database_file(uri: str) -> Path | None:
    """The file of an SQLite database; None of any other."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _check_database(file: Path, uri: str) -> None:
    """Raise TrackingError unless the file is a database of MLflow: it would put its tables into an empty one."""
    try:
        with closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCK_SECONDS)
        ) as database:
            database.execute("SELECT count(*) FROM experiments")
    except sqlite3.DatabaseError as error:
        raise TrackingError(
            f"{shown_uri(uri)}: cannot be read, must be a database of MLflow: {error}; `gsf mlflow rebuild --force`"
            " makes it anew from journals and receipts, and keeps the damaged one aside"
        ) from None


def shown_uri(uri: str) -> str:
    """The URI without a password."""
    return _without_passwords(uri)


def _without_passwords(text: str) -> str:
    """Of every URI in a text; an SQLite database has none, and may have an @ in its path."""
    for secret, shown in _SECRETS:
        text = secret.sub(shown, text)
    return text


def first_line(error: BaseException) -> str:
    """What went wrong, in one line that is not longer than a sentence or two."""
    text = _without_passwords(str(error)).strip() or type(error).__name__  # MLflow quotes the URI that it asked
    return text.splitlines()[0][:200]


@contextmanager
def database_locked(uri: str) -> Iterator[None]:
    """Hold PostgreSQL's own lock while tables are created, since a lock file binds one project folder only."""
    if not uri.startswith("postgresql"):
        yield
        return
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    with create_engine(uri, poolclass=NullPool).connect() as connection:
        connection.execute(text(f"SELECT pg_advisory_lock({POSTGRES_LOCK})"))
        try:
            yield
        finally:
            connection.execute(text(f"SELECT pg_advisory_unlock({POSTGRES_LOCK})"))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; TrackingError where another process holds it for longer than a minute."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + LOCK_SECONDS
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TrackingError(f"{path}: still locked after {LOCK_SECONDS:.0f} s by another process") from None
                time.sleep(0.05)
        yield
