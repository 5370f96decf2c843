"""What stands before MLflow's scoring server: it reads no more of a request than it may have, and only JSON.

MLflow itself reads bodies of any size and number, reads tables in other formats, and answers some malformed requests
with an error of its own (5xx) or with all that was sent.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gsf.serve.received import COLUMNS, RequestError
from gsf.serve.unread import CLOSE, drain

_CODES = {400: "INVALID_PARAMETER_VALUE", 503: "TEMPORARILY_UNAVAILABLE"}
TABLES = ("dataframe_records", "dataframe_split")
BODY_SECONDS = 60.0  # for a body to arrive: who falls silent in the middle must not keep its place for good
_DEEPEST = 10  # objects and lists in one another; a table needs four


class Guard:
    """An ASGI application around another one.

    Args:
        app: what answers.
        body_bytes: that a request may have.
        at_once: requests for answers about videos that are read or worked on at the same time.
    """

    def __init__(self, app: ASGIApp, *, body_bytes: int, at_once: int) -> None:
        self._app, self._most, self._at_once = app, body_bytes, at_once
        self._here = 0  # requests that have a place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != "/invocations":
            await self._app(scope, receive, send)
            return
        try:
            self._check_headers(scope)
            with self._place():
                await self._let_in(scope, receive, send)
        except _RefusedError as refusal:
            await _refuse(receive, send, refusal)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self._read(receive)
            if body is None:  # whoever asked is gone
                return
            _check(body)
        except _RefusedError as refusal:  # which still holds what was read, so it keeps its place
            await _refuse(receive, send, refusal)
            return
        await self._app(scope, _again(body, receive), send)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Of a request, before anything of its body is in memory."""
        if self._here >= self._at_once:
            words = f"the server is at work on {self._here} other requests, the limit; send it again later"
            raise _RefusedError(503, words, unread=True)
        self._here += 1
        try:
            yield
        finally:
            self._here -= 1

    def _check_headers(self, scope: Scope) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind != b"application/json":
            raise _RefusedError(415, "the request has no `Content-Type: application/json`, must have it", unread=True)
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._most:
            raise _too_large(self._most, unread=True)

    async def _read(self, receive: Receive) -> bytes | None:
        """The body; None where whoever sends it goes away."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._whole(receive)
        except TimeoutError:
            words = f"the request was not here whole after {BODY_SECONDS:g} s, the limit; send it again"
            raise _RefusedError(408, words, unread=True) from None

    async def _whole(self, receive: Receive) -> bytes | None:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._most:
                raise _too_large(self._most, unread=bool(message.get("more_body")))
            if not message.get("more_body"):
                return bytes(body)


class _RefusedError(RequestError):
    """`unread`: some of the body is still to come."""

    def __init__(self, status: int, message: str, *, unread: bool = False) -> None:
        super().__init__(message)
        self.status, self.unread = status, unread


def _too_large(most: int, *, unread: bool) -> _RefusedError:
    words = f"the request is larger than {most} bytes, the limit (GSF_SERVE_MAX_BYTES, in base64)"
    return _RefusedError(413, words, unread=unread)


def _check(body: bytes) -> None:
    """The body is an object with one table and perhaps `params`, as far as MLflow does not check it itself."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _RefusedError(400, f"the request is not JSON: {said}") from None
    if _is_deep(content):
        raise _RefusedError(400, "the request is nested too deeply, must be a table of texts")
    given = [name for name in TABLES if isinstance(content, dict) and name in content]
    if len(given) != 1 or not content.keys() <= {*given, "params"}:
        example = '{"dataframe_records": [{"video": "..."}], "params": {"top": 5}}'
        raise _RefusedError(400, f"the request must be an object such as {example}, with {' or '.join(TABLES)}")
    params = content.get("params", {})
    if not isinstance(params, dict) or not params.keys() <= {"top"}:  # MLflow ignores what it does not know
        raise _RefusedError(400, 'params must be an object such as {"top": 5}, and hold nothing else')
    strange = _columns(content[given[0]]) - set(COLUMNS)
    if strange:
        raise _RefusedError(400, f"a row has {', '.join(sorted(strange))}, must have `video` or `path` alone")


def _is_deep(content: Any) -> bool:
    """Whether MLflow, which parses the body once more and further down the stack, might run out of stack."""
    level = [content]
    for _ in range(_DEEPEST):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return bool(level)


def _columns(table: Any) -> set[str]:
    """The names in a table, as far as it is one."""
    if isinstance(table, dict):
        names = table.get("columns")
        return {str(name) for name in names} if isinstance(names, list) else set()
    return {name for row in table if isinstance(row, dict) for name in row} if isinstance(table, list) else set()


def _again(body: bytes, receive: Receive) -> Receive:
    """What the application receives: the body that was read, then what comes after it."""
    waiting = [body]

    async def replay() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replay


async def _refuse(receive: Receive, send: Send, refusal: _RefusedError) -> None:
    """Answer in the form of MLflow's own errors."""
    if refusal.unread:
        await drain(receive)
    code = _CODES.get(refusal.status, "BAD_REQUEST")
    body = json.dumps({"error_code": code, "message": str(refusal)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.unread:
        headers.append(CLOSE)
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
