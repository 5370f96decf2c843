"""A picture of a study's table in MLflow, for the documentation: `python docs/screenshot.py demo docs/mlflow.png`.

Starts `mlflow ui` on the project's database and a headless Chromium, both for as long as it takes. `--page compare`
shows the curves of all runs in one picture for each metric, `--page differences` their parameters, costs and results
side by side, `--page run` the latest run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from gsf.project import Project
from gsf.tracking.connection import connect, tracking_uri

START_SECONDS = 180  # until `mlflow ui` answers; 20 on an idle machine
RENDER_SECONDS = 60  # of the page's own clock
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--hide-scrollbars",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--page", choices=["table", "compare", "differences", "run"], default="table")
    parser.add_argument("--size", default="1600,720", help="px, width,height")
    args = parser.parse_args()
    if browser() is None:
        sys.exit(f"no browser: one of {', '.join(CHROMIUM)} must be in PATH, such as `apt-get install chromium`")
    project = Project.here()
    address = page(project, args.study, args.page)
    with server(tracking_uri(project)) as host:
        render(f"{host}{address}", f"--screenshot={args.picture.resolve()}", size=args.size)
    print(f"{args.picture}: {address}")


def browser() -> str | None:
    """Where Chromium is."""
    return next((found for name in CHROMIUM if (found := shutil.which(name))), None)


def render(address: str, what: str, *, size: str = "1600,720") -> str:
    """Let Chromium load a page and do with it what its option says; what it prints (the page of `--dump-dom`)."""
    with tempfile.TemporaryDirectory() as profile:
        command = [str(browser()), *QUIET, f"--user-data-dir={profile}", f"--window-size={size}"]
        command += [f"--virtual-time-budget={1000 * RENDER_SECONDS}", what, address]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def page(project: Project, study: str, name: str) -> str:
    """The address of a page, relative to the server's."""
    client = connect(project)
    experiment = client.get_experiment_by_name(study)
    if experiment is None:
        sys.exit(f"MLflow has no study {study}: run `gsf mlflow sync`")
    number = experiment.experiment_id
    if name == "run":
        run = client.search_runs([number], "tags.`gsf.current` = 'true'", order_by=["attributes.start_time DESC"])[0]
        return f"/#/experiments/{number}/runs/{run.info.run_id}"
    if name == "differences":
        runs = [run.info.run_id for run in client.search_runs([number], "tags.`gsf.current` = 'true'")]
        return f"/#/compare-runs?runs={quote(json.dumps(runs))}&experiments={quote(json.dumps([number]))}"
    mode = "&compareRunsMode=CHART" if name == "compare" else ""
    return f"/#/experiments/{number}/runs?viewStateShareKey=gsf&workflowType=machine_learning{mode}"


@contextmanager
def server(uri: str) -> Iterator[str]:
    """`mlflow ui` on a free port, ended with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri, "--port", str(port), "--workers", "1"]
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    host = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(host):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"`{' '.join(command)}` does not answer: run it by hand to see why")
            time.sleep(1)
        yield host
    finally:
        process.terminate()
        process.wait()


def answers(host: str) -> bool:
    try:
        with urllib.request.urlopen(f"{host}/health", timeout=5):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    main()
