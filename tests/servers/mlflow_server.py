"""An MLflow server for as long as a test needs it, started as docs/cluster.md says."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.postgres import free_port

START_SECONDS = 900  # 20 on an idle machine
PATIENT = "--timeout-worker-healthcheck 600"  # s; a worker that answers late on a busy machine is replaced otherwise


@contextmanager
def mlflow_server(uri: str, folder: Path) -> Iterator[str]:
    """Serve a database, artefacts below `folder`; the server's address."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--port", str(port)]
    command += ["--artifacts-destination", str(folder / "artefacts"), "--host", "127.0.0.1", "--workers", "2"]
    command += ["--allowed-hosts", f"127.0.0.1:{port}", "--uvicorn-opts", PATIENT]
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    log = folder / "server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=file)
    host = f"http://127.0.0.1:{port}"
    try:
        wait_for(host, process, log, seconds=START_SECONDS)
        yield host
    finally:
        process.terminate()
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(host: str, process: subprocess.Popen[bytes], log: Path, *, seconds: float) -> None:
    """Until a server that was started answers; its log, where it does not."""
    end = time.monotonic() + seconds
    while not answers(host):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.5)


def answers(host: str) -> bool:
    try:
        with urllib.request.urlopen(f"{host}/health", timeout=5):
            return True
    except OSError:
        return False
