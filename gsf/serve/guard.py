"""What stands before MLflow's scoring server: it reads no more of a request than it may have, and only JSON.

MLflow itself reads a body of any size, reads tables in other formats, and answers some malformed requests with an error
of its own (5xx) or with all that was sent.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gsf.serve.received import COLUMNS, RequestError
from gsf.serve.unread import CLOSE, drain

TABLES = ("dataframe_records", "dataframe_split")
_DEEPEST = 10  # objects and lists in one another; a table needs four


class Guard:
    """An ASGI application around another one.

    Args:
        app: what answers.
        body_bytes: that a request may have.
    """

    def __init__(self, app: ASGIApp, *, body_bytes: int) -> None:
        self._app, self._most = app, body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != "/invocations":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
            if body is None:  # whoever asked is gone
                return
            _check(body)
        except _RefusedError as refusal:
            if refusal.unread:
                await drain(receive)
            await _answer(send, refusal)
            return
        await self._app(scope, _again(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind != b"application/json":
            raise _RefusedError(415, "the request has no `Content-Type: application/json`, must have it", unread=True)
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._most:
            raise _too_large(self._most, unread=True)
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


async def _answer(send: Send, refusal: _RefusedError) -> None:
    """In the form of MLflow's own errors."""
    code = "INVALID_PARAMETER_VALUE" if refusal.status == 400 else "BAD_REQUEST"
    body = json.dumps({"error_code": code, "message": str(refusal)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.unread:
        headers.append(CLOSE)
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
