"""A training is watched without being disturbed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from gsf.project import Project
from gsf.tracking.connection import connect
from gsf.tracking.journal import JournalObserver, read_journal
from gsf.tracking.mlflow_projection import sync
from gsf.tracking.observers import LiveObserver, sync_quietly, training_observer
from gsf.tracking.record import journal_path
from tests.tracking.fabricated import curve, make_project, start, train
from tests.tracking.test_mlflow_projection import runs_of, steps

AWAY = "http://127.0.0.1:9"  # the discard port: nobody listens


@pytest.fixture
def project_without_server(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", AWAY)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return project


def live(project: Project, run: str = "gsf-s0", *, retry_seconds: float = 600.0) -> LiveObserver:
    journal = JournalObserver(journal_path(project, study="demo", run=run))
    return LiveObserver(project, study="demo", run=run, journal=journal, retry_seconds=retry_seconds)


def test_curve_grows_with_each_epoch(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    observer = live(project)
    start(observer, "gsf-s0")
    for epoch in (1, 2):
        observer.epoch(epoch, curve(epoch))
        (run,) = runs_of(project)
        assert len(steps(project, run, "train_loss")) == epoch
        assert run.info.status == "RUNNING"
    observer.end("finished")
    (run,) = runs_of(project)
    assert (run.info.status, run.data.params["model.temporal"]) == ("FINISHED", "gsf")
    assert capsys.readouterr().err == ""


def test_resumed_training_goes_on_in_its_run_without_doubled_points(project: Project) -> None:
    for last in (2, 3):
        observer = live(project)
        start(observer, "gsf-s0")
        for epoch in range(1, last + 1):  # the loop tells its past again
            observer.epoch(epoch, curve(epoch))
    observer.end("finished")
    (run,) = runs_of(project)
    assert [epoch for epoch, _ in steps(project, run, "train_loss")] == [1, 2, 3]


def test_failed_training_is_shown_as_failed_and_runs_again_when_resumed(project: Project) -> None:
    observer = live(project)
    start(observer, "gsf-s0")
    observer.end("failed")
    assert [run.info.status for run in runs_of(project)] == ["FAILED"]
    start(live(project), "gsf-s0")
    assert [run.info.status for run in runs_of(project)] == ["RUNNING"]


def test_server_that_is_away_costs_one_warning_and_a_later_sync_completes_the_curve(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as away:
        away.setenv("MLFLOW_TRACKING_URI", AWAY)
        away.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        observer = live(project)
        before = time.monotonic()
        start(observer, "gsf-s0")
        for epoch in (1, 2, 3):
            observer.epoch(epoch, curve(epoch))
        observer.end("finished")
        assert time.monotonic() - before < 10
    warnings = capsys.readouterr().err.splitlines()
    assert len([line for line in warnings if "MLflow is not up to date" in line]) == 1
    train(project, "gsf-s0")
    sync(project)
    (run,) = runs_of(project)
    assert steps(project, run, "train_loss") == [(epoch, curve(epoch)["train_loss"]) for epoch in (1, 2, 3)]


def test_server_that_comes_back_is_told_what_it_missed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    observer = live(project, retry_seconds=0.0)
    with monkeypatch.context() as away:
        away.setenv("MLFLOW_TRACKING_URI", AWAY)
        away.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        start(observer, "gsf-s0")
        observer.epoch(1, curve(1))
    observer.epoch(2, curve(2))
    (run,) = runs_of(project)
    assert [epoch for epoch, _ in steps(project, run, "val_top1")] == [1, 2]


def test_quiet_sync_warns_and_goes_on(project_without_server: Project, capsys: pytest.CaptureFixture[str]) -> None:
    train(project_without_server, "gsf-s0")
    sync_quietly(project_without_server)
    assert "gsf mlflow sync" in capsys.readouterr().err


def test_tracking_that_is_off_writes_the_journal_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GSF_MLFLOW", "off")
    project = make_project(tmp_path)
    observer = training_observer(project, study="demo", run="gsf-s0")
    start(observer, "gsf-s0")
    observer.end("finished")
    sync_quietly(project)
    assert len(read_journal(journal_path(project, study="demo", run="gsf-s0"))) == 1
    assert not (project.root / "mlflow.db").exists()


TRAINING = """
import sys
from pathlib import Path
from gsf.project import Project
from gsf.tracking.observers import training_observer
from tests.tracking.fabricated import curve, start

observer = training_observer(Project(Path(sys.argv[1])), study="demo", run=sys.argv[2])
start(observer, sys.argv[2])
observer.epoch(1, curve(1))
observer.end("finished")
"""


def test_processes_that_meet_a_missing_database_all_succeed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("GSF_MLFLOW", raising=False)
    project = make_project(tmp_path / "fresh")
    names = ["tsn-s0", "tsm-s0", "gsf-s0"]
    home = Path(__file__).resolve().parents[2]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TRAINING, str(project.root), name],
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert (errors, [process.returncode for process in processes]) == ([""] * 3, [0] * 3)
    assert sorted(run.info.run_name for run in runs_of(project)) == sorted(names)
    experiments = [item.name for item in connect(project).search_experiments()]
    assert experiments.count("demo") == 1
