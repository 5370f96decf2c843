"""A request that is refused while its body is still on the way: its sender reads why, and nobody is kept waiting."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.types import Receive, Scope, Send

from gsf.serve.guard import Guard
from tests.serve.made import ask, opened, rows, running

LIMIT = 1000  # bytes of a request
LARGE = 33 << 20  # far more than the buffers of two sockets hold
CHUNK = bytes(1 << 16)
PIECE = b"%x\r\n%s\r\n" % (len(CHUNK), CHUNK)  # of a chunked body


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with running(Guard(_length, body_bytes=LIMIT, at_once=4)) as address:
        yield address


async def _length(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers how many bytes it received."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def send(host: str, kind: str, *, chunked: bool) -> tuple[int, str, Any]:
    """Status, header `connection` and body of the answer to a large request that is sent to its end."""
    connection = http.client.HTTPConnection(urlsplit(host).netloc, timeout=60)
    body: Any = iter([CHUNK] * (LARGE // len(CHUNK))) if chunked else bytes(LARGE)
    connection.request("POST", "/invocations", body, {"Content-Type": kind}, encode_chunked=chunked)
    with connection.getresponse() as answer:
        return answer.status, answer.getheader("connection", ""), json.loads(answer.read())["message"]


@pytest.mark.parametrize("chunked", [False, True])
def test_whoever_sends_far_too_much_reads_why_it_is_refused(host: str, chunked: bool) -> None:
    status, connection, words = send(host, "application/json", chunked=chunked)
    assert (status, connection) == (413, "close")
    assert words == f"the request is larger than {LIMIT} bytes, the limit (GSF_SERVE_MAX_BYTES, in base64)"
    assert send(host, "video/mp4", chunked=chunked)[0] == 415


@pytest.mark.parametrize("chunked", [False, True])
def test_whoever_finds_the_server_at_work_reads_so_even_where_much_is_sent(chunked: bool) -> None:
    with running(Guard(_length, body_bytes=2 * LARGE, at_once=0)) as address:
        status, connection, words = send(address, "application/json", chunked=chunked)
    assert (status, connection) == (503, "close")
    assert words == "the server is at work on 0 other requests, the limit; send it again later"


def test_what_is_within_the_limit_arrives_whole(host: str) -> None:
    request = rows({"video": "A" * 600})
    assert ask(host, request) == (200, str(len(json.dumps(request))))


@pytest.mark.parametrize("declared", ["Content-Length: 100000000", "Transfer-Encoding: chunked"])
def test_whoever_stops_in_the_middle_is_answered_in_time(
    host: str, monkeypatch: pytest.MonkeyPatch, declared: str
) -> None:
    monkeypatch.setattr("gsf.serve.unread.DRAIN_SECONDS", 0.5)
    began = time.monotonic()
    with opened(host, declared) as client:
        client.sendall(PIECE)
        answer = client.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert 0.3 < time.monotonic() - began < 20


def test_whoever_never_comes_to_an_end_is_cut_off_in_time_and_others_are_answered(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gsf.serve.unread.DRAIN_SECONDS", 1.0)
    began = time.monotonic()
    with opened(host, "Transfer-Encoding: chunked") as client:
        client.sendall(PIECE)
        assert ask(host, rows())[0] == 200
        with pytest.raises(ConnectionError):
            _send_on(client, seconds=60)
    assert time.monotonic() - began < 30


def _send_on(client: socket.socket, *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        client.sendall(PIECE)
