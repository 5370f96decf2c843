"""An MLflow server for as long as a test needs it, started by the command of docs/cluster.md.

The values of its options are the test's: a database, a folder and a name of this machine. Added are a free port, two
workers in place of four, patience with them, and no processes for the server's own jobs: the machine is busy.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.docs.commands import commands
from tests.docs.pages import blocks
from tests.ports import free_port

PAGE = "docs/cluster.md"
START_SECONDS = 900  # 20 on an idle machine
PATIENT = "--timeout-worker-healthcheck 600"  # s; a worker that answers late on a busy machine is replaced otherwise


def of_page(*begins: str) -> list[str]:
    """The words of the one command of the page that begins so."""
    found = [words for block in blocks(PAGE) if block.language == "sh" for words in commands(block)]
    (words,) = [words for words in found if tuple(words[: len(begins)]) == begins]
    return words


@contextmanager
def mlflow_server(uri: str, folder: Path) -> Iterator[str]:
    """Serve a database, artefacts below `folder`; the server's address."""
    port = free_port()
    given = {"--backend-store-uri": uri, "--artifacts-destination": str(folder / "artefacts")}
    given |= {"--host": "127.0.0.1", "--allowed-hosts": f"127.0.0.1:{port}"}
    _, _, *options = of_page("mlflow", "server")
    assert options[::2] == list(given), f"{PAGE} starts the server with other options"
    command = [sys.executable, "-m", "mlflow", "server", *(word for option in given.items() for word in option)]
    command += ["--port", str(port), "--workers", "2", "--uvicorn-opts", PATIENT]
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
