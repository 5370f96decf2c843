"""MLflow is made anew as it was, from journals and receipts; and nothing of others is lost on the way."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gsf.errors import TrackingError
from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from gsf.tracking.checking import check_projection
from gsf.tracking.connection import connect, database_file, tracking_uri
from gsf.tracking.journal import JournalObserver
from gsf.tracking.mlflow_projection import sync
from gsf.tracking.rebuilding import rebuild
from gsf.tracking.record import journal_path
from tests.tracking.fabricated import evaluate, train, write_journal

RUNS = """SELECT runs.run_uuid, runs.name, status, runs.lifecycle_stage, start_time, end_time, artifact_uri,
 experiments.name FROM runs JOIN experiments USING (experiment_id)"""
DATASETS = """SELECT runs.name, datasets.name, datasets.digest, dataset_source, dataset_profile, input_tags.name,
 input_tags.value FROM datasets JOIN inputs ON inputs.source_id = dataset_uuid JOIN input_tags USING (input_uuid)
 JOIN runs ON runs.run_uuid = inputs.destination_id"""
SHOWN_WHEN_WRITTEN = ("8x1x1.", "cost.")  # nothing tells when these were first shown


def everything(file: Path) -> dict[str, Any]:
    """All that a database says, without its own ids and the times that nothing tells; read without MLflow."""
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute(RUNS).fetchall()
        runs = []
        for identity, *plain, uri, experiment in rows:
            of = [
                sorted(database.execute(f"SELECT {columns} FROM {table} WHERE run_uuid = ?", [identity]))
                for table, columns in (("params", "key, value"), ("tags", "key, value"))
            ]
            metrics = database.execute(
                "SELECT key, step, value, timestamp, is_nan FROM metrics WHERE run_uuid = ?", [identity]
            )
            latest = database.execute("SELECT key, step, value FROM latest_metrics WHERE run_uuid = ?", [identity])
            points = sorted(
                (*row[:3], 0 if row[0].startswith(SHOWN_WHEN_WRITTEN) else row[3], row[4]) for row in metrics
            )
            root = Path(uri.removeprefix("file://"))
            files = {path.relative_to(root).as_posix(): sha256_file(path) for path in root.rglob("*") if path.is_file()}
            runs.append([experiment, *plain, *of, points, sorted(latest), sorted(files.items())])
        tags = database.execute(
            "SELECT name, key, value FROM experiments JOIN experiment_tags USING (experiment_id)"
        ).fetchall()
        return {
            "runs": sorted(runs, key=str),
            "datasets": sorted(database.execute(DATASETS).fetchall()),
            "experiments": sorted(tags),
        }


def fill(project: Project) -> None:
    """Trainings finished, changed, failed, running and known by receipts alone."""
    for run in ("tsn-s0", "gsf-s0"):
        write_journal(project, run, epochs=3)
        JournalObserver(journal_path(project, study="demo", run=run)).system({"system/cpu_utilization_percentage": 9.0})
        evaluate(project, run, train(project, run))
    write_journal(project, "gsm-s0", epochs=2, key="old")
    write_journal(project, "gsm-s0", epochs=2, key="new", end="failed")
    write_journal(project, "tsm-s0", epochs=1, end=None)
    train(project, "gsf-s1", study="more")
    sync(project)


def show_one(project: Project) -> None:
    write_journal(project, "gsf-s0", epochs=2, end=None)
    sync(project)


def file_of(project: Project) -> Path:
    file = database_file(tracking_uri(project))
    assert file is not None
    return file


def kept_of(project: Project) -> Path:
    (kept,) = project.root.glob("mlflow.db.before-*")
    return kept


def test_rebuilt_database_says_what_it_said_before_it_was_changed(project: Project) -> None:
    fill(project)
    before = everything(file_of(project))
    assert len(before["runs"]) == 6
    assert len(before["datasets"]) == 5  # manifest for train and test of two runs, for train of a third
    with closing(sqlite3.connect(file_of(project))) as database:
        database.executescript(
            "UPDATE metrics SET value = 0.99 WHERE key LIKE '%top1'; UPDATE params SET value = '7' WHERE key = 'seed';"
            "UPDATE datasets SET digest = 'other' WHERE digest LIKE '%-test'; DELETE FROM latest_metrics;"
        )
    changed = everything(file_of(project))
    assert changed != before
    assert check_projection(project, "demo", {})
    done = rebuild(project)
    assert done.summary.uri == f"sqlite:///{file_of(project)}"
    assert everything(file_of(project)) == before
    assert everything(kept_of(project)) == changed
    assert str(kept_of(project)) in str(done)
    assert not list(project.root.glob("mlflow.db.new-*"))
    assert check_projection(project, "demo", {}) == []
    assert len(sync(project).unchanged) == 6  # and goes on from there, in a process that had the old one open


def test_database_with_runs_of_others_is_left_alone_unless_told(project: Project) -> None:
    show_one(project)
    client = connect(project)
    theirs = client.create_run(client.create_experiment("theirs"), run_name="precious").info.run_id
    before = everything(file_of(project))
    with pytest.raises(TrackingError, match=r"precious.*--force"):
        rebuild(project)
    assert everything(file_of(project)) == before
    assert not list(project.root.glob("mlflow.db.*"))
    rebuild(project, force=True)
    assert theirs not in json.dumps(everything(file_of(project)))
    assert "precious" in json.dumps(everything(kept_of(project)))


def test_models_that_others_registered_are_not_lost_unasked(project: Project) -> None:
    show_one(project)
    client = connect(project)
    client.create_registered_model("theirs")
    client.create_model_version("theirs", source="s3://elsewhere/model")
    with pytest.raises(TrackingError, match="model theirs, version 1"):
        rebuild(project)


def test_damaged_database_is_replaced_when_told_and_kept_as_it_is(project: Project) -> None:
    show_one(project)
    before = everything(file_of(project))
    damaged = b"this is no database " * 500
    file_of(project).unlink()
    file_of(project).write_bytes(damaged)
    with pytest.raises(TrackingError, match="cannot be read"):
        rebuild(project)
    assert file_of(project).read_bytes() == damaged
    rebuild(project, force=True)
    assert everything(file_of(project)) == before
    assert kept_of(project).read_bytes() == damaged


def test_rebuild_that_fails_leaves_all_as_it_was(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    show_one(project)
    before = everything(file_of(project))

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("gsf.tracking.rebuilding._take_place", fail)
    with pytest.raises(TrackingError, match="no space left"):
        rebuild(project)
    assert everything(file_of(project)) == before
    assert list(project.root.glob("mlflow.db*")) == [file_of(project)]


def test_rebuild_on_a_server_that_fails_half_way_leaves_all_as_it_was(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_one(project)
    before = everything(file_of(project))
    with monkeypatch.context() as patch:
        patch.setattr("gsf.tracking.rebuilding.database_file", lambda uri: None)  # as of any that is no file
        patch.setattr("gsf.tracking.mlflow_projection.publish_view", lambda *_: 1 / 0)  # after the runs are written
        with pytest.raises(TrackingError, match="division by zero"):
            rebuild(project)
    after = everything(file_of(project))
    left = {"runs": [run for run in after["runs"] if "unfinished" not in run[0]], "experiments": after["experiments"]}
    assert left == {"runs": before["runs"], "experiments": before["experiments"]}
    assert len(sync(project).unchanged) == 1


def test_without_a_database_there_is_nothing_to_keep(project: Project) -> None:
    train(project, "gsf-s0")
    file_of(project).unlink()
    done = rebuild(project)
    assert (done.kept, done.summary.created) == ((), ("demo/gsf-s0",))
    assert len(everything(file_of(project))["runs"]) == 1
