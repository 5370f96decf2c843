"""Whatever is changed in MLflow's database, the check names it and what to do."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gsf.errors import TrackingError
from gsf.project import Project
from gsf.provenance.findings import Finding, Verdict
from gsf.provenance.hashing import canonical_json
from gsf.tracking.checking import check_projection, projected
from gsf.tracking.connection import connect
from gsf.tracking.mlflow_projection import sync
from gsf.tracking.record import journal_path
from tests.tracking.fabricated import BENCHMARK, evaluate, make_project, train, write_journal
from tests.tracking.test_mlflow_projection import artefacts, runs_of

GSF = "(SELECT run_uuid FROM runs WHERE name = 'gsf-s0')"

ANOTHER_ID = "CASE substr(run_uuid, 1, 1) WHEN 'd' THEN 'e' ELSE 'd' END || substr(run_uuid, 2)"
COPY_OF_RUN = (
    "INSERT INTO runs (run_uuid, name, status, lifecycle_stage, experiment_id, artifact_uri, start_time, user_id)"
    f" SELECT {ANOTHER_ID}, name, status, lifecycle_stage, experiment_id, artifact_uri, start_time + 1,"
    " user_id FROM runs WHERE name = 'gsf-s0'"
)

# what is done to the database; the link that must be named; a word of what is said; a word of the remedy
TAMPERED = {
    "metric of an evaluation": (
        f"UPDATE latest_metrics SET value = 0.99 WHERE key = '8x1x1.top1' AND run_uuid = {GSF};"
        f"UPDATE metrics SET value = 0.99 WHERE key = '8x1x1.top1' AND run_uuid = {GSF}",
        ("metrics/8x1x1.top1", "is 0.99, must be 0.75", "rebuild"),
    ),
    "metric of an evaluation in the table alone": (
        f"UPDATE latest_metrics SET value = 0.99 WHERE key = '8x1x1.top1' AND run_uuid = {GSF}",
        ("metrics/8x1x1.top1", "is 0.99, must be 0.75", "rebuild"),
    ),
    "metric of an evaluation in the history alone": (
        f"UPDATE metrics SET value = 0.99 WHERE key = '8x1x1.top1' AND run_uuid = {GSF}",
        ("metrics/8x1x1.top1", "is 0.99, must be 0.75", "rebuild"),
    ),
    "deleted metric": (
        f"DELETE FROM latest_metrics WHERE key = '8x1x1.top5' AND run_uuid = {GSF};"
        f"DELETE FROM metrics WHERE key = '8x1x1.top5' AND run_uuid = {GSF}",
        ("metrics/8x1x1.top5", "is missing", "sync"),
    ),
    "invented metric": (
        f"INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) SELECT '9x9x9.top1', 1, 1, {GSF}, 0, 0;"
        "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan)"
        f" SELECT '9x9x9.top1', 1, 1, {GSF}, 0, 0",
        ("metrics/9x9x9.top1", "neither journal nor receipt", "rebuild"),
    ),
    "point of a curve": (
        f"UPDATE metrics SET value = 0.99 WHERE key = 'val_top1' AND step = 2 AND run_uuid = {GSF}",
        ("metrics/val_top1", "is 0.99 at step 2, must be", "rebuild"),
    ),
    "end of a curve in the table alone": (
        f"UPDATE latest_metrics SET value = 0.99 WHERE key = 'val_top1' AND run_uuid = {GSF}",
        ("metrics/val_top1", "table shows 0.99", "rebuild"),
    ),
    "deleted point": (
        f"DELETE FROM metrics WHERE key = 'val_top1' AND step = 2 AND run_uuid = {GSF}",
        ("metrics/val_top1", "lacks step 2", "sync"),
    ),
    "doubled point": (
        "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)"
        f" SELECT key, value, timestamp + 1, run_uuid, step, is_nan FROM metrics WHERE key = 'val_top1' AND step = 2"
        f" AND run_uuid = {GSF}",
        ("metrics/val_top1", "step 2 more than once", "rebuild"),
    ),
    "invented point": (
        "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)"
        f" SELECT key, value, timestamp, run_uuid, 9, is_nan FROM metrics WHERE key = 'val_top1' AND step = 3"
        f" AND run_uuid = {GSF}",
        ("metrics/val_top1", "step 9, of which nothing tells", "rebuild"),
    ),
    "parameter": (
        f"UPDATE params SET value = '0.5' WHERE key = 'recipe.optimizer.lr' AND run_uuid = {GSF}",
        ("params/recipe.optimizer.lr", "is 0.5, must be 0.01", "rebuild"),
    ),
    "deleted parameter": (
        f"DELETE FROM params WHERE key = 'seed' AND run_uuid = {GSF}",
        ("params/seed", "is missing, must be 0", "sync"),
    ),
    "invented parameter": (
        f"INSERT INTO params (key, value, run_uuid) SELECT 'pretrained', 'more data', {GSF}",
        ("params/pretrained", "neither journal nor receipt", "rebuild"),
    ),
    "tag": (
        f"UPDATE tags SET value = '{'0' * 64}' WHERE key = 'gsf.receipt.8x1x1' AND run_uuid = {GSF}",
        ("tags/gsf.receipt.8x1x1", "is 0000", "sync"),
    ),
    "deleted tag": (
        f"DELETE FROM tags WHERE key = 'gsf.manifest' AND run_uuid = {GSF}",
        ("tags/gsf.manifest", "is missing", "sync"),
    ),
    "invented tag": (
        f"INSERT INTO tags (key, value, run_uuid) SELECT 'gsf.receipt.9x9x9', 'f', {GSF}",
        ("tags/gsf.receipt.9x9x9", "neither journal nor receipt", "rebuild"),
    ),
    "digest of a dataset": (
        "UPDATE datasets SET digest = '0123456789abcdef-test' WHERE digest LIKE '%-test'",
        (f"datasets/{BENCHMARK}", "lacks the digest", "sync"),
    ),
    "source of a dataset": (
        "UPDATE datasets SET dataset_source = '{\"manifest\": \"other.csv\"}' WHERE digest LIKE '%-train'",
        (f"datasets/{BENCHMARK}", "other.csv", "rebuild"),
    ),
    "number of videos of a dataset": (
        "UPDATE datasets SET dataset_profile = '{\"videos\": 9000, \"excluded\": 0}' WHERE digest LIKE '%-train'",
        (f"datasets/{BENCHMARK}", "9000", "rebuild"),
    ),
    "state of a run": (
        "UPDATE runs SET status = 'FAILED' WHERE name = 'gsf-s0'",
        ("status", "is FAILED, must be FINISHED", "sync"),
    ),
    "run that was thrown away": (
        "UPDATE runs SET lifecycle_stage = 'deleted' WHERE name = 'gsf-s0'",
        ("", "is deleted", "sync"),
    ),
    "run that is gone": (
        "".join(
            f"DELETE FROM {table} WHERE run_uuid = {GSF};" for table in ("latest_metrics", "metrics", "params", "tags")
        )
        + "DELETE FROM runs WHERE name = 'gsf-s0'",
        ("", "has no run of this training", "sync"),
    ),
    "doubled run": (
        f"{COPY_OF_RUN};"
        f"INSERT INTO tags (key, value, run_uuid) SELECT key, value, {ANOTHER_ID} FROM tags"
        " WHERE run_uuid = (SELECT run_uuid FROM runs WHERE name = 'gsf-s0' ORDER BY start_time LIMIT 1)",
        ("", "2 runs show this one training", "rebuild"),
    ),
    "run of another training in its place": (
        f"{COPY_OF_RUN};"
        "INSERT INTO tags (key, value, run_uuid) SELECT key, iif(key = 'gsf.training_key', 'better', value),"
        f" {ANOTHER_ID} FROM tags"
        " WHERE run_uuid = (SELECT run_uuid FROM runs WHERE name = 'gsf-s0' ORDER BY start_time LIMIT 1)",
        ("", "claims to be current", "rebuild"),
    ),
    "name of the experiment": (
        "UPDATE experiments SET name = 'other' WHERE name = 'demo'",
        (None, "has no experiment of this name", "sync"),
    ),
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Project]:
    """Two finished trainings, shown in MLflow; the database is put back after each change."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "GSF_MLFLOW"):
            patch.delenv(name, raising=False)
        project = make_project(tmp_path_factory.mktemp("shown") / "project")
        shutil.copy(empty_database, project.root / "mlflow.db")
        for run in ("tsn-s0", "gsf-s0"):
            write_journal(project, run, epochs=3)
            evaluate(project, run, train(project, run))
        assert sync(project).problems == ()
        yield project


@pytest.fixture
def database(shown: Project, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """The database, to be changed; as it was afterwards."""
    path = shown.root / "mlflow.db"
    kept = shutil.copy(path, tmp_path / "kept.db")
    with closing(sqlite3.connect(path)) as connection:
        yield connection
        with closing(sqlite3.connect(kept)) as before:
            before.backup(connection)


def check(project: Project) -> list[Finding]:
    return check_projection(project, "demo", {})


def test_what_nobody_touched_holds(shown: Project) -> None:
    checked: dict[str, int] = {}
    assert check_projection(shown, "demo", checked) == []
    assert checked == {"MLflow runs": 2}


@pytest.mark.parametrize("case", TAMPERED)
def test_each_change_is_named_with_its_remedy(case: str, shown: Project, database: sqlite3.Connection) -> None:
    statements, (link, said, remedy) = TAMPERED[case]
    changed = database.total_changes
    database.executescript(f"BEGIN; {statements}; COMMIT")
    assert database.total_changes > changed
    findings = check(shown)
    expected = "mlflow:demo" if link is None else f"mlflow:demo/gsf-s0/{link}".rstrip("/")
    named = [item for item in findings if item.link == expected and said in item.what]
    assert named, findings
    assert all(item.kind == "broken" and f"gsf mlflow {remedy}" in item.remedy for item in named)
    shared = {"digest of a dataset", "source of a dataset", "number of videos of a dataset"}  # of both runs
    if link is not None and case not in shared:
        assert all("/tsn-s0" not in item.link for item in findings)  # exactly what differs
    if remedy == "sync":
        sync(shown)
        assert not set(named) & set(check(shown))


def test_verdict_of_a_study_is_broken_by_a_changed_database(
    shown: Project, database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gsf.tracking.checking.known_studies", lambda project: ["demo"])
    whole = Verdict("demo", deep=False, checked={}, findings=(), not_proven=())
    assert projected(shown, whole).ok
    database.executescript(f"UPDATE latest_metrics SET value = 1 WHERE key = '8x1x1.top1' AND run_uuid = {GSF}")
    verdict = projected(shown, whole)
    assert not verdict.ok
    assert "mlflow:demo/gsf-s0/metrics/8x1x1.top1: is 1, must be 0.75" in verdict.to_text()


@pytest.mark.parametrize("change", ["bytes", "deletion"])
def test_changed_or_missing_artefact_is_named(change: str, shown: Project) -> None:
    run = next(run for run in runs_of(shown) if run.info.run_name == "gsf-s0")
    path = Path(run.info.artifact_uri.removeprefix("file://")) / "evaluate/8x1x1/metrics.json"
    before = path.read_bytes()
    if change == "bytes":
        path.write_bytes(canonical_json({**json.loads(before), "top1": 0.99}))
    else:
        path.unlink()
    try:
        (finding,) = check(shown)
    finally:
        path.write_bytes(before)
    assert (finding.kind, finding.link) == ("broken", "mlflow:demo/gsf-s0/artefacts/evaluate/8x1x1/metrics.json")
    assert "evaluate/8x1x1/metrics.json" in artefacts(shown, run)


def test_notes_of_people_are_theirs(shown: Project, database: sqlite3.Connection) -> None:
    database.executescript(f"INSERT INTO tags (key, value, run_uuid) SELECT 'mlflow.note.content', 'good', {GSF}")
    assert check(shown) == []


def test_run_that_others_wrote_is_not_checked_and_said_so(shown: Project, database: sqlite3.Connection) -> None:
    client = connect(shown)
    experiment = client.get_experiment_by_name("demo").experiment_id
    run = client.create_run(experiment, run_name="theirs")
    (finding,) = check(shown)
    assert (finding.kind, finding.link) == ("absent", "mlflow:demo")
    assert run.info.run_id in finding.what


def test_curves_whose_journal_is_elsewhere_are_not_checked_and_said_so(project: Project) -> None:
    observer = journal_path(project, study="demo", run="gsf-s0")
    write_journal(project, "gsf-s0", epochs=3)
    with observer.open("a") as file:
        file.write('{"kind": "system", "time": 1e10, "metrics": {"system/cpu_utilization_percentage": 1.0}}\n')
    evaluate(project, "gsf-s0", train(project, "gsf-s0"))
    sync(project)
    assert check(project) == []
    observer.unlink()
    (finding,) = check(project)
    assert (finding.kind, "cpu_utilization" in finding.what) == ("absent", True)


def test_training_that_runs_is_compared_with_its_journal(project: Project) -> None:
    write_journal(project, "gsf-s0", epochs=2, end=None)
    sync(project)
    assert check(project) == []
    write_journal(project, "gsf-s0", epochs=3)
    links = {finding.link for finding in check(project)}
    assert "mlflow:demo/gsf-s0/metrics/train_loss" in links  # MLflow lacks an epoch
    assert "mlflow:demo/gsf-s0/status" in links


def test_project_without_trainings_says_that_nothing_was_compared(project: Project) -> None:
    (finding,) = check(project)
    assert (finding.kind, "nothing" not in finding.what) == ("absent", True)
    assert "dvc pull" in finding.remedy


def test_missing_database_and_server_are_errors_and_no_database_is_made(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(project, "gsf-s0")
    (project.root / "mlflow.db").unlink()
    with pytest.raises(TrackingError, match="gsf mlflow sync"):
        check(project)
    assert not (project.root / "mlflow.db").exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match="start the server"):
        check(project)
