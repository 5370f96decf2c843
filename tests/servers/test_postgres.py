"""Many trainings log at once into a PostgreSQL, directly and through a server: nothing is lost, nothing doubled."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gsf.errors import TrackingError
from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from gsf.tracking.checking import check_projection
from gsf.tracking.connection import connect
from gsf.tracking.mlflow_projection import prepare, sync
from gsf.tracking.rebuilding import rebuild
from gsf.tracking.registry import register
from tests.proof.finished import RUNS
from tests.required import lacking
from tests.servers.mlflow_server import mlflow_server, of_page
from tests.servers.postgres import Postgres, why_not
from tests.tracking.fabricated import make_project
from tests.tracking.test_mlflow_projection import runs_of, steps

pytestmark = pytest.mark.mlflow

WRITERS = 8
EPOCHS = 4
HOME = Path(__file__).resolve().parents[2]
AWAY = "http://127.0.0.1:9"  # the discard port: nobody listens
TRAINING = f"""
import sys
from pathlib import Path
from gsf.project import Project
from gsf.tracking.observers import training_observer
from tests.tracking.fabricated import curve, evaluate, start, train

project, run = Project(Path(sys.argv[1])), sys.argv[2]
observer = training_observer(project, study="demo", run=run)
start(observer, run)
for epoch in range(1, {EPOCHS} + 1):
    observer.epoch(epoch, curve(epoch))
evaluate(project, run, train(project, run, epochs={EPOCHS}))
observer.end("finished")
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    reason = why_not()
    if reason is not None:
        lacking("postgresql", f"NO POSTGRESQL TESTS: {reason}")
    with Postgres() as cluster:
        yield cluster


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Points this process to a database or server, patient as on a machine that has other work too."""
    monkeypatch.delenv("GSF_MLFLOW", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")
    return lambda uri: monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)


def write(projects: Sequence[Project], names: Sequence[str], uris: Sequence[str]) -> list[str]:
    """Trainings that all run at once, each a process; what they say on stderr."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", TRAINING, str(project.root), name],
            cwd=HOME,
            env=os.environ | {"MLFLOW_TRACKING_URI": uri},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for project, name, uri in zip(projects, names, uris, strict=True)
    ]
    errors = [child.communicate(timeout=1200)[1] for child in children]
    assert [child.returncode for child in children] == [0] * len(children), errors
    return errors


def whole(project: Project, run: Any) -> None:
    """A run with all its epochs, each once."""
    for metric in ("lr", "train_loss", "train_top1", "val_loss", "val_top1"):
        assert [step for step, _ in steps(project, run, metric)] == list(range(1, EPOCHS + 1))
    assert (run.info.status, run.data.metrics["8x1x1.top1"]) == ("FINISHED", 0.75)


def test_writers_on_as_many_machines_that_meet_an_empty_database_lose_and_double_nothing(
    postgres: Postgres, tmp_path: Path, at: Callable[[str], None]
) -> None:
    """Each in a clone of its own, so that no lock file orders them, and nobody has created the tables."""
    uri = postgres.database("direct")
    at(uri)
    names = [f"gsf-s{number}" for number in range(WRITERS)]
    projects = [make_project(tmp_path / name) for name in names]
    errors = write(projects, names, [uri] * WRITERS)
    assert errors == [""] * WRITERS
    runs = {run.info.run_name: run for run in runs_of(projects[0])}
    assert sorted(runs) == names
    assert len(runs_of(projects[0])) == WRITERS
    for project, name in zip(projects, names, strict=True):
        whole(project, runs[name])
        assert [item for item in check_projection(project, "demo", {}) if item.kind == "broken"] == []


def test_jobs_of_a_cluster_with_and_without_network_are_whole_after_a_sync(
    postgres: Postgres, tmp_path: Path, at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/cluster.md says: a database, a server, tables, jobs in one shared folder, two of them cut off."""
    project = make_project(tmp_path / "shared")
    names = [f"gsf-s{number}" for number in range(WRITERS)]
    for name, value in postgres.environment.items():
        monkeypatch.setenv(name, value)
    postgres.run(*of_page("createdb"))
    _, _, _, database, *_ = of_page("mlflow", "server")
    with mlflow_server(database, tmp_path) as host:
        at(host)
        assert "demo" in prepare(project, "demo")
        uris = [AWAY if number in (2, 5) else host for number in range(WRITERS)]
        errors = write([project] * WRITERS, names, uris)
        for uri, said in zip(uris, errors, strict=True):
            assert ("gsf mlflow sync" in said) == (uri == AWAY), said
        assert sorted(run.info.run_name for run in runs_of(project)) == [
            name for name, uri in zip(names, uris, strict=True) if uri == host
        ]
        done = sync(project)
        assert (len(done.created), done.problems) == (2, ())
        for run in runs_of(project):
            whole(project, run)
        assert sorted(run.info.run_name for run in runs_of(project)) == names
        assert check_projection(project, "demo", {}) == []

        connect(project).set_tag(runs_of(project)[0].info.run_id, "gsf.receipt", "0" * 64)
        connect(project).log_metric(runs_of(project)[0].info.run_id, "8x1x1.top1", 0.99, step=9)
        assert {item.kind for item in check_projection(project, "demo", {})} == {"broken"}
        rebuilt = rebuild(project)
        assert len(rebuilt.summary.created) == WRITERS
        assert rebuilt.kept[0].startswith("experiment 'demo before ")
        assert check_projection(project, "demo", {}) == []


def test_models_are_registered_on_postgresql_through_a_server(
    postgres: Postgres, tmp_path: Path, at: Callable[[str], None], finished_with_networks: Project
) -> None:
    import mlflow

    project, (first, *_) = finished_with_networks, sorted(RUNS)
    with mlflow_server(postgres.database("models"), tmp_path) as host:
        at(host)
        done = register(project, first)
        assert (done.name, done.version, done.new) == (f"demo.{first}", "1", True)
        assert register(project, first).new is False
        mlflow.set_tracking_uri(host)
        folder = Path(mlflow.artifacts.download_artifacts(f"models:/demo.{first}/1", dst_path=str(tmp_path / "got")))
        checkpoint = project.checkpoint("demo", first)
        assert sha256_file(folder / "artifacts/checkpoint.safetensors") == sha256_file(checkpoint)
        checkpoint.write_bytes(checkpoint.read_bytes()[:-1] + b"x")
        with pytest.raises(TrackingError, match="dvc checkout"):
            register(project, first)
