"""MLflow: where it is, whether it answers, and whether its tables are those of the installed version.

Without importing MLflow, which takes seconds.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import Any

from gsf.doctor.finding import Finding, absent, missing, ok
from gsf.project import Project
from gsf.tracking.connection import database_file, first_line, shown_uri, tracking_uri

_SECONDS = 2  # that a server may take
_REVISION = re.compile(r"^(revision|down_revision)\s*(?::[^=]*)?=\s*[\"']([0-9a-f]+)[\"']", re.MULTILINE)
_LATER = "trainings go on without it, and `gsf mlflow sync` writes what it lacks"


def mlflow(project: Project) -> Finding:
    """What MLFLOW_TRACKING_URI names, or the project's own database."""
    try:
        version = metadata.version("mlflow")
    except metadata.PackageNotFoundError:
        return missing("MLflow", "not installed", "`make setup` installs what the lock lists")
    uri = tracking_uri(project)
    shown = f"{version}, {shown_uri(uri)}"
    if os.environ.get("GSF_MLFLOW", "on").lower() in {"off", "0", "false", "no"}:
        return ok("MLflow", f"{version}, left alone: GSF_MLFLOW is {os.environ['GSF_MLFLOW']}")
    try:
        if uri.startswith(("http://", "https://")):
            return _server(uri, shown)
        file = database_file(uri)
        if file is not None:
            return _file(file, uri, shown)
        return _database(uri, shown)
    except (OSError, ValueError, sqlite3.Error) as error:
        return absent("MLflow", f"{shown}: {first_line(error)}", f"correct or unset MLFLOW_TRACKING_URI; {_LATER}")


def _server(uri: str, shown: str) -> Finding:
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/version", timeout=_SECONDS) as answer:
            theirs = answer.read(100).decode("ascii", "replace").strip()
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return absent("MLflow", f"{shown} wants a login", "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD")
        raise
    except OSError as error:
        why = getattr(error, "reason", error)
        return absent("MLflow", f"{shown} does not answer: {why}", f"start the server: docs/cluster.md; {_LATER}")
    return ok("MLflow", f"{shown} answers, with version {theirs}")


def _file(file: Path, uri: str, shown: str) -> Finding:
    if not file.exists():
        return ok("MLflow", f"{shown}, which the first training makes")
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=_SECONDS)) as connection:
        try:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        except sqlite3.DatabaseError as error:
            remedy = "`gsf mlflow rebuild` makes it anew from journals and receipts"
            return absent("MLflow", f"{shown} is not a database of MLflow's: {error}", remedy)
    return _judged({row[0] for row in found}, uri, shown)


def _database(uri: str, shown: str) -> Finding:
    if not uri.startswith("postgresql"):
        return absent(
            "MLflow", f"{shown}: of a kind that is not looked into", "a server's, PostgreSQL's or SQLite's is"
        )
    try:
        import psycopg2
    except ImportError:
        return absent("MLflow", f"{shown} needs psycopg2", "`pip install 'gsf-video[postgres]'`")
    try:
        with closing(psycopg2.connect(_plain(uri), connect_timeout=_SECONDS)) as connection:
            cursor: Any = connection.cursor()
            cursor.execute("SELECT version_num FROM alembic_version")
            found = {row[0] for row in cursor.fetchall()}
    except psycopg2.errors.UndefinedTable:
        return ok("MLflow", f"{shown}, without tables yet, which the first training makes")
    except psycopg2.Error as error:
        return absent("MLflow", f"{shown}: {first_line(error)}", f"start it, or correct MLFLOW_TRACKING_URI; {_LATER}")
    return _judged(found, uri, shown)


def _plain(uri: str) -> str:
    """Without SQLAlchemy's name of a driver."""
    return re.sub(r"^postgresql\+[a-z0-9]+:", "postgresql:", uri)


def _judged(found: set[str], uri: str, shown: str) -> Finding:
    newest, known = revisions()
    if found == newest:
        return ok("MLflow", f"{shown}, tables up to date")
    if found <= known:
        return absent(
            "MLflow", f"{shown} has the tables of an earlier version", f"`mlflow db upgrade {shown_uri(uri)}`"
        )
    return absent("MLflow", f"{shown} has the tables of a later version", "update MLflow to that of whoever made them")


def revisions() -> tuple[set[str], set[str]]:
    """Of MLflow's tables: the newest revision of the installed version, and all."""
    spec = importlib.util.find_spec("mlflow")
    places = [] if spec is None else spec.submodule_search_locations or []
    made: set[str] = set()
    earlier: set[str] = set()
    for place in places:
        for path in Path(place, "store/db_migrations/versions").glob("*.py"):
            for kind, value in _REVISION.findall(path.read_text(encoding="utf-8")):
                (made if kind == "revision" else earlier).add(value)
    return made - earlier, made
