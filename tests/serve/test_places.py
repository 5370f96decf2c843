"""Who is let in while the server is at work: as many as have a thread to wait in; whoever comes then knows at once."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from gsf.serve import server
from gsf.serve.guard import Guard
from tests.serve.made import ask, connected, opened, rows, running

LIMIT = 1000  # bytes of a request
REQUEST = rows({"video": "A"})


class Held:
    """An application whose threads wait until they are told, as MLflow's wait for a network."""

    def __init__(self) -> None:
        self.entered, self.go = threading.Semaphore(0), threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/invocations":
            self.entered.release()
            await asyncio.to_thread(self.go.wait, 60)
        await done(scope, receive, send)


async def done(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_who_comes_while_all_places_are_taken_knows_at_once_and_other_paths_answer() -> None:
    held = Held()
    with running(Guard(held, body_bytes=LIMIT, at_once=2)) as host, ThreadPoolExecutor() as pool:
        first = [pool.submit(ask, host, REQUEST) for _ in range(2)]
        try:
            assert all(held.entered.acquire(timeout=30) for _ in first)
            status, text = ask(host, REQUEST)
            with urllib.request.urlopen(f"{host}/ping", timeout=60) as answer:
                assert answer.status == 200
        finally:
            held.go.set()
        assert [item.result()[0] for item in first] == [200, 200]
        assert ask(host, REQUEST)[0] == 200
    words = "the server is at work on 2 other requests, the limit; send it again later"
    assert (status, json.loads(text)) == (503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": words})


def test_each_request_that_is_let_in_has_a_thread_of_its_own() -> None:
    count = server.at_once()
    all_here = threading.Barrier(count)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(all_here.wait, 30)
        await done(scope, receive, send)

    with (
        running(Guard(app, body_bytes=LIMIT, at_once=count), lifespan="off") as host,
        ThreadPoolExecutor(count) as pool,
    ):
        answers = list(pool.map(lambda _: ask(host, REQUEST), range(count)))
    assert [status for status, _ in answers] == [200] * count


def test_silent_clients_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(server, "application", lambda model: Guard(done, body_bytes=LIMIT, at_once=1))
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: given.update(options, app=app))
    server.serve("m", host="127.0.0.1", port=0)
    with running(**given) as host, ExitStack() as clients:
        for _ in range(40):
            clients.enter_context(connected(host))
        assert ask(host, REQUEST)[0] == 200


def test_who_falls_silent_in_the_middle_loses_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gsf.serve.guard.BODY_SECONDS", 0.3)
    monkeypatch.setattr("gsf.serve.unread.DRAIN_SECONDS", 0.1)
    guard = Guard(done, body_bytes=LIMIT, at_once=1)
    with running(guard) as host, opened(host, "Content-Length: 500") as client:
        client.sendall(b"{")
        answer = client.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert ask(host, REQUEST)[0] == 200


def test_who_goes_away_in_the_middle_loses_its_place() -> None:
    with running(Guard(done, body_bytes=LIMIT, at_once=1)) as host:
        with opened(host, "Content-Length: 500") as client:
            client.sendall(b"{")
        end = time.monotonic() + 30
        while (status := ask(host, REQUEST)[0]) == 503 and time.monotonic() < end:
            time.sleep(0.05)
    assert status == 200
