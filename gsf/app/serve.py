"""`gsf app`: the pages on this machine alone, until it is interrupted."""

from __future__ import annotations

import importlib.util
import signal
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from gsf.app.desk import Desk, Limits
from gsf.app.origin import origin
from gsf.data.listing import SUFFIXES
from gsf.data.lists import read_manifest
from gsf.deploy.trained import Trained
from gsf.errors import GsfError, ParamsError
from gsf.interrupts import ended_by
from gsf.predict.job import Job
from gsf.project import Project
from gsf.site.showing import may_show

HOST = "127.0.0.1"
NEEDED = ("starlette", "uvicorn", "python_multipart")
_EXAMPLES = 24  # at most


def serve(
    job: Job,
    trained: Trained,
    *,
    port: int,
    limits: Limits,
    window: float,
    examples: Path | None,
    say: Callable[[str], object],
) -> None:
    """Answer a browser on this machine until a signal ends it.

    Args:
        job: the network.
        trained: where it comes from.
        port: 0 for any that is free.
        limits: of one video.
        window: seconds of a window of the timeline.
        examples: a folder of videos to choose from; None: of the network's benchmark, where the pipeline renders it.
        say: told the address, once a browser may ask.

    Raises:
        ParamsError: a package is missing, or the port is taken.
    """
    require()
    import uvicorn

    from gsf.app.server import application

    chosen = examples_in(examples) if examples is not None else rendered_examples(trained)
    with (
        listening(port) as listener,
        ended_by(signal.SIGTERM, signal.SIGHUP),  # so that `kill` leaves no pictures behind either
        tempfile.TemporaryDirectory(prefix="gsf-app-") as folder,
    ):
        desk = Desk(job, Path(folder), limits=limits, window=window)
        app = application(desk, origin=origin(trained), examples=chosen)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False))
        say(f"http://{HOST}:{listener.getsockname()[1]}")
        with suppress(KeyboardInterrupt):  # how one ends it
            server.run(sockets=[listener])


def require() -> None:
    """ParamsError where a package of the extra is missing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ParamsError(f"gsf app: needs {', '.join(missing)}, not installed: pip install 'gsf-video[app]'")


def listening(port: int) -> socket.socket:
    """A socket that only this machine reaches; who asks before the pages are there waits."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise ParamsError(f"--port {port}: {error.strerror}, must be a free port; --port 0 takes any") from None
    return listener


def examples_in(folder: Path) -> Mapping[str, Path]:
    """The videos of a folder, by name; ParamsError where it has none."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise ParamsError(f"--examples {folder}: holds no video, must hold names that end in {', '.join(SUFFIXES)}")
    return {path.relative_to(folder).as_posix(): path for path in found[:_EXAMPLES]}


def rendered_examples(trained: Trained) -> Mapping[str, Path]:
    """A test video of each class of the network's benchmark; none of videos that have terms of their own."""
    if trained.benchmark is None:
        return {}
    try:
        project = Project.here()
        if not may_show(project, trained.benchmark):
            return {}
        manifest = read_manifest(project, trained.benchmark)
    except GsfError:
        return {}
    first: dict[str, Path] = {}
    for video, split, number in zip(manifest.ids, manifest.splits, manifest.class_indices, strict=True):
        label, path = manifest.classes[number], project.data(trained.benchmark) / "videos" / video
        if split == "test" and label not in first and path.is_file():
            first[label] = path
    return dict(list(first.items())[:_EXAMPLES])
