"""A model's folder of an untrained network, and a server for it in this process."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.params.model import Model
from gsf.params.protocol import Protocol
from gsf.project import Project
from gsf.serve.saved import save, served_as
from gsf.tracking.registry import config_of

PROTOCOL = "2x2x3"  # by which the model of the tests looks at videos
JSON = {"Content-Type": "application/json"}


def write_model(project: Project, folder: Path, *, protocol: str) -> Path:
    """The folder that `gsf mlflow register` would store of `gsf-s0`, which looks at videos by a protocol."""
    from mlflow.models import Model as Described

    checkpoint = project.checkpoint("s", "gsf-s0")
    save(
        folder,
        checkpoint=checkpoint,
        receipt=project.train_receipt("s", "gsf-s0"),
        config=config_of(checkpoint),
        served=served_as(
            load(Model, project.params_file("models", "gsf")),
            load(Protocol, project.params_file("protocols", protocol)),
            load(Benchmark, project.params_file("benchmarks", "arrow")).extract,
        ),
        model=Described(),
    )
    return folder


@contextmanager
def running(app: ASGIApp, **options: Any) -> Iterator[str]:
    """Serve an application on a free port, with uvicorn's options; its address."""
    server = uvicorn.Server(uvicorn.Config(app, **{"host": "127.0.0.1", "port": 0, "log_level": "error"} | options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


def ask(host: str, body: Any, *, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and text of the answer to a request; what is not bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{host}/invocations", data=data, headers=JSON if headers is None else headers)
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def opened(host: str, declared: str) -> socket.socket:
    """A client that has sent the head of a request and has its body still to send."""
    client = connected(host)
    head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{declared}\r\n\r\n"
    client.sendall(head.encode())
    return client


def connected(host: str) -> socket.socket:
    """A client that has sent nothing so far."""
    place = urlsplit(host)
    return socket.create_connection((place.hostname, place.port), timeout=60)


def rows(*videos: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A request."""
    return {"dataframe_records": list(videos), **more}


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
