"""`gsf app` as a program of its own, from its address to the signal that ends it."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gsf.project import Project
from tests.signals import as_by_default

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_answers_at_the_address_that_it_says_and_leaves_nothing_behind(
    finished: Project, tmp_path: Path, ending: signal.Signals
) -> None:
    pytest.importorskip("python_multipart", reason="THE APP WAS NOT TRIED: pip install 'gsf-video[app]'")
    command = [sys.executable, "-m", "gsf.cli", "app", "--model", "gsf-s0", "--port", "0", "--device", "cpu"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "TMPDIR": str(tmp_path)}
    with (
        as_by_default(ending),
        subprocess.Popen(
            command, cwd=finished.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as app,
    ):
        try:
            assert app.stdout is not None
            said = next((line for line in app.stdout if line.startswith("open ")), "nothing")
            address = re.fullmatch(
                r"open http://(127\.0\.0\.1:\d+) in a browser on this machine; Ctrl-C ends it\n", said
            )
            assert address is not None, said
            connection = http.client.HTTPConnection(address[1], timeout=60)
            connection.request("GET", "/")
            with connection.getresponse() as page:
                assert page.status == 200
                assert "What does the network say of a video?" in page.read().decode()
            connection.close()
            assert list(tmp_path.glob("gsf-app-*"))  # where pictures would be
            app.send_signal(ending)
            _, problems = app.communicate(timeout=60)
        finally:
            app.kill()
    assert (app.returncode, "Traceback" in problems, "interrupted" in problems) == (0, False, False), problems
    assert list(tmp_path.glob("gsf-app-*")) == []
