from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gsf.app.desk import Desk, Limits
from gsf.app.origin import origin
from gsf.app.serve import listening, rendered_examples
from gsf.deploy.trained import find_trained
from gsf.predict.job import Job, prepare
from gsf.project import Project
from tests.site.made import make_shown

MEGABYTES = 1


@dataclass(frozen=True)
class Running:
    """The app at `address`, for the network gsf-s0 of a finished study."""

    address: str
    desk: Desk
    project: Project

    @property
    def video(self) -> Path:
        """Of the test split."""
        return self.project.root / "data/arrow/videos/up/test_000.mp4"


@pytest.fixture(scope="session")
def finished(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A study with results; read only."""
    return make_shown(small_data, tmp_path_factory.mktemp("app") / "project")


@pytest.fixture(scope="session")
def job(finished: Project) -> Job:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished.root)
        trained = find_trained("gsf-s0")
        options = {"protocol": None, "benchmark": None, "window": None, "stride": None, "timelines": None}
        return prepare(trained, **options, device="cpu")  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def running(finished: Project, job: Job, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The app as `gsf app` runs it, in a thread."""
    pytest.importorskip("python_multipart", reason="THE APP WAS NOT TRIED: pip install 'gsf-video[app]'")
    import uvicorn

    from gsf.app.server import application

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished.root)
        trained = find_trained("gsf-s0")
        numbers, examples = origin(trained), rendered_examples(trained)
    desk = Desk(job, tmp_path_factory.mktemp("answers"), limits=Limits(megabytes=MEGABYTES), window=0.25)
    app = application(desk, origin=numbers, examples=examples)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    with listening(0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield Running(f"http://127.0.0.1:{listener.getsockname()[1]}", desk, finished)
        server.should_exit = True
        thread.join()
