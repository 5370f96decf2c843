"""Each line about a project, with a small one as it is and as it may be broken; and the verb as a whole."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path

import pytest

from gsf.cli import main
from gsf.doctor import mlflow as doctor_mlflow
from gsf.doctor import project as doctor_project
from gsf.doctor.mlflow import mlflow, revisions
from gsf.doctor.project import active_study, dvc_cache, writable
from gsf.pipeline.study import activate
from gsf.project import Project
from tests.small_project import make_project

STUDY = """\
study: demo
threads: 1
seeds: [0]
protocols: [2x1x1]
experiments:
  tsn: {benchmark: arrow, model: tsn, recipe: quick}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("MLFLOW_TRACKING_URI", "GSF_MLFLOW"):
        monkeypatch.delenv(name, raising=False)
    made = make_project(tmp_path / "project")
    study = made.params_file("studies", "demo")
    study.parent.mkdir()
    study.write_text(STUDY)
    activate(made, "demo")
    return made


def said(project: Project) -> dict[str, str]:
    return {finding.name: f"{finding.state}: {finding}" for finding in active_study(project)}


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_the_study_says_what_is_here_and_what_to_run(project: Project) -> None:
    found = said(project)
    assert "ok" in found["study"]
    assert "absent" in found["data"]
    assert "arrow: 0 of 2 shards, manifest absent; `dvc repro` renders and extracts the rest" in found["data"]
    assert "0 of 1 networks, results absent; `dvc repro` or `snakemake --cores`" in found["runs"]
    touch(project.shard("arrow", "00"), project.shard("arrow", "01"), project.manifest("arrow"))
    touch(project.checkpoint("demo", "tsn-s0"), project.results("demo") / "results.json")
    found = said(project)
    assert found["data"].startswith("ok")
    assert found["runs"].startswith("ok")


def test_videos_that_are_not_there_are_missing_unless_their_frames_are_here(project: Project) -> None:
    file = project.params_file("benchmarks", "arrow")
    text = file.read_text()
    file.write_text("".join(line for line in text.splitlines(True) if not line.startswith(("render", "  clips"))))
    (project.root / "data/arrow").mkdir(parents=True)
    (project.root / "data/arrow/annotations.csv").write_text("path,label,split\n")
    activate(project, "demo")
    assert said(project)["data"].startswith("missing")
    assert f"its videos are not in {project.root}/data/arrow/videos" in said(project)["data"]
    (project.root / "data/arrow/videos").mkdir()
    assert "`dvc repro` extracts the rest" in said(project)["data"]
    (project.root / "data/arrow/videos").rmdir()
    touch(project.shard("arrow", "00"), project.shard("arrow", "01"), project.manifest("arrow"))
    assert said(project)["data"].startswith("ok")


def test_a_study_that_cannot_be_read_is_missing(project: Project) -> None:
    project.plan_file.write_text("study: demo\n")
    assert said(project)["study"].startswith("missing")
    project.plan_file.unlink()
    assert "`gsf study NAME`" in said(project)["study"]


def test_folders_are_tried(project: Project) -> None:
    assert writable(project).state == "ok"
    (project.root / "runs").mkdir()
    assert list((project.root / "runs").iterdir()) == []


def test_folders_of_others_are_missing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / "runs").mkdir()
    monkeypatch.setattr(doctor_project, "_takes_files", lambda folder: folder.name != "runs")
    found = writable(project)
    assert (found.state, "runs in" in found.text) == ("missing", True)


def write_config(project: Project, text: str, *, local: str = "") -> None:
    folder = project.root / ".dvc"
    folder.mkdir(exist_ok=True)
    (folder / "config").write_text(text)
    (folder / "config.local").write_text(local)


def test_links_of_the_cache_are_tried_in_the_order_that_is_set(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config(project, '[cache]\n    type = "hardlink,symlink"\n')
    assert dvc_cache(project).text == f"hardlinks from {project.root}/.dvc/cache"
    write_config(project, '[cache]\n    type = "hardlink,symlink"\n', local="[cache]\n    type = symlink\n")
    assert dvc_cache(project).text.startswith("symlinks from")

    def across(*paths: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", across)
    write_config(project, '[cache]\n    type = "hardlink,symlink"\n    dir = ../elsewhere\n')
    assert dvc_cache(project).text.startswith("symlinks from")
    write_config(project, "[cache]\n    type = hardlink,copy\n")
    found = dvc_cache(project)
    assert (found.state, "every file is stored twice" in found.text) == ("absent", True)
    assert sorted(path.name for path in project.root.iterdir()) == [".dvc", "dvc.yaml", "params", "requirements.lock"]


def test_mlflow_that_is_not_there_yet_is_fine(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "which the first training makes" in str(mlflow(project))
    assert not (project.root / "mlflow.db").exists()
    monkeypatch.setenv("GSF_MLFLOW", "off")
    assert "left alone" in str(mlflow(project))


def test_tables_of_mlflow_are_of_its_version_or_told(project: Project) -> None:
    newest, known = revisions()
    assert len(newest) == 1
    assert len(known) > 30
    older = min(known - newest)
    with closing(sqlite3.connect(project.root / "mlflow.db")) as base:
        base.execute("CREATE TABLE alembic_version (version_num TEXT)")
        for revision, words in ((*newest, "up to date"), (older, "mlflow db upgrade"), ("f" * 12, "a later version")):
            base.execute("DELETE FROM alembic_version")
            base.execute("INSERT INTO alembic_version VALUES (?)", [revision])
            base.commit()
            assert words in str(mlflow(project))
    (project.root / "mlflow.db").write_bytes(b"no database" * 500)
    assert "`gsf mlflow rebuild`" in str(mlflow(project))


def test_the_tables_that_mlflow_makes_are_of_the_newest_version(project: Project) -> None:
    from gsf.tracking.connection import connect

    connect(project)
    assert str(mlflow(project)).endswith("tables up to date")


class Version(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"3.17.2")

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Version) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://user:secret@127.0.0.1:{made.server_port}"
        made.shutdown()


def test_a_server_answers_or_is_told(project: Project, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.replace("user:secret@", ""))
    assert "answers, with version 3.17.2" in str(mlflow(project))
    monkeypatch.setattr(Version, "status", 401)
    assert "wants a login; MLFLOW_TRACKING_USERNAME" in str(mlflow(project))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{taken.getsockname()[1]}")
        found = mlflow(project)
    assert (found.state, "does not answer" in found.text, "gsf mlflow sync" in str(found)) == ("absent", True, True)


@pytest.mark.parametrize(
    "uri", ["nonsense", "postgresql://u:secret@127.0.0.1:1/db", "mysql://h/db", "sqlite:////nope/x"]
)
def test_odd_addresses_are_told_without_their_password(
    project: Project, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert "secret" not in str(mlflow(project))


def test_mlflow_that_is_not_installed_is_missing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor_mlflow.metadata, "version", gone)
    assert mlflow(project).state == "missing"


def test_the_verb_ends_with_1_only_where_something_needed_is_missing(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.root)
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is True
    names = {item["name"] for item in found["findings"]}
    assert names >= {"Python", "memory", "disk", "torch", "GPU", "ffmpeg", "git", "Slurm", "extras", "DVC cache"}
    assert names >= {
        "cores",
        "/dev/shm",
        "open files",
        "file names",
        "LMDB",
        "folders",
        "MLflow",
        "study",
        "data",
        "runs",
        "camera",
        "window",
    }
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 1
    assert "MISSING  project" in capsys.readouterr().out
