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
from gsf.proof.findings import Finding, Verdict
from gsf.provenance.hashing import canonical_json
from gsf.tracking.checking import check_projection, projected
from gsf.tracking.connection import connect
from gsf.tracking.mlflow_projection import sync
from gsf.tracking.record import journal_path
from tests.tracking.fabricated import evaluate, make_project, train, write_journal
from tests.tracking.tampered import DAMAGED_DATABASE, GSF, TAMPERED
from tests.tracking.test_mlflow_projection import artefacts, runs_of


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


@pytest.mark.parametrize("case", DAMAGED_DATABASE)
def test_damaged_database_is_an_error_with_its_remedy_and_stays_as_it_is(
    case: str, shown: Project, tmp_path: Path
) -> None:
    project = Project(Path(shutil.copytree(shown.root, tmp_path / "copy")))
    damage, (said, remedy) = DAMAGED_DATABASE[case]
    damage(project.root / "mlflow.db")
    left = {path.name: path.read_bytes() for path in project.root.glob("mlflow.db*")}
    with pytest.raises(TrackingError, match=said) as raised:
        check(project)
    assert f"gsf mlflow {remedy}" in str(raised.value)
    assert {path.name: path.read_bytes() for path in project.root.glob("mlflow.db*")} == left


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
