"""A verified network is registered, served by MLflow's own server and by ours, and answers over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from gsf.cli import main
from gsf.project import Project
from tests.ports import free_port
from tests.serve.made import ask, in_base64, rows
from tests.servers.mlflow_server import wait_for
from tests.tracking.with_networks import CLASSES, finish_with_networks

pytestmark = pytest.mark.mlflow
START_SECONDS = 600  # 30 on an idle machine


@pytest.fixture(scope="module")
def study(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = finish_with_networks(small_data, tmp_path_factory.mktemp("serving") / "project")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "GSF_MLFLOW"):
            patch.delenv(name, raising=False)
        patch.chdir(made.root)
        assert main(["mlflow", "register", "gsf-s0"]) == 0
    return made


@contextmanager
def started(project: Project, command: Sequence[str], port: int) -> Iterator[str]:
    log = project.root / f"server-{port}.log"
    environment = os.environ | {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": f"sqlite:///{project.root}/mlflow.db",
        "GSF_SERVE_FOLDER": str(project.root / "data/arrow/videos"),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=project.root, env=environment, stdout=file, stderr=file, start_new_session=True
        )
    host = f"http://127.0.0.1:{port}"
    try:
        wait_for(host, process, log, seconds=START_SECONDS)
        yield host
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # MLflow starts its server as a child
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def servers(port: int) -> dict[str, list[str]]:
    gsf, mlflow = ([sys.executable, "-m", name] for name in ("gsf", "mlflow"))
    chosen = ["--host", "127.0.0.1", "--port", str(port)]
    return {
        "mlflow": [*mlflow, "models", "serve", "-m", "models:/demo.gsf-s0/1", "--env-manager", "local", *chosen],
        "gsf": [*gsf, "serve", "--model", "demo.gsf-s0/1", *chosen],
    }


@pytest.mark.parametrize("server", ["mlflow", "gsf"])
def test_a_registered_network_answers_as_predict_does(
    study: Project, server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(study.root)
    video = min((study.root / "data/arrow/videos/up").glob("*.mp4"))
    capsys.readouterr()
    assert main(["predict", str(video), "--model", "gsf-s0", "--json"]) == 0
    expected = json.loads(capsys.readouterr().out.splitlines()[1])["answers"][0]["top"]
    port = free_port()
    with started(study, servers(port)[server], port) as host:
        status, text = ask(host, rows({"video": in_base64(video.read_bytes())}, {"path": f"up/{video.name}"}))
        assert status == 200, text
        for answer in json.loads(text)["predictions"]:
            assert [item["label"] for item in answer["top"]] == [item["label"] for item in expected]
            found = [item["probability"] for item in answer["top"]]
            assert found == pytest.approx([item["probability"] for item in expected], abs=1e-5)
        for body, words in (
            (b"", "JSON"),
            (rows({"video": "not base64"}), "is not base64"),
            (rows({"video": in_base64(b"#EXTM3U\nfile:///etc/passwd\n")}), "cannot be probed"),
            (rows({"video": in_base64(video.read_bytes()[:900])}), "video 0: cannot be"),
            (rows({"path": "/etc/passwd"}), "path leads out of the server's folder"),
        ):
            status, text = ask(host, body)
            assert (status, words in text) == (400, True), text
        assert ask(host, rows({"path": f"up/{video.name}"}))[0] == 200


def test_the_commands_of_the_page_are_those_that_are_run_here() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/serve.md").read_text(encoding="utf-8")
    for words in servers(5001).values():
        said = " ".join(words[2:]).replace(" --host 127.0.0.1", "")
        assert re.search(re.escape(said.removesuffix(" --port 5001")), page), said


def test_a_folder_that_was_downloaded_is_a_model(study: Project, tmp_path: Path) -> None:
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{study.root}/mlflow.db")
    copied = Path(mlflow.artifacts.download_artifacts("models:/demo.gsf-s0/1", dst_path=str(tmp_path / "model")))
    video = min((study.root / "data/arrow/videos/up").glob("*.mp4"))
    (answer,) = mlflow.pyfunc.load_model(str(copied)).predict([{"video": in_base64(video.read_bytes())}])
    assert {item["label"] for item in answer["top"]} == set(CLASSES)
