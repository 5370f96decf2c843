"""What stands before the pages: no request larger than its limit, and none that another site made a browser send."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gsf.serve.unread import CLOSE, drain

# Nothing from elsewhere, no script but our own, and no page of another site around ours.
POLICY = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'; script-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cache-control": b"no-store",
    b"cross-origin-resource-policy": b"same-origin",
}


class TooLargeError(Exception):
    """A body is larger than it may be."""


class Guard:
    """An ASGI application around another one.

    Args:
        app: what answers; a body that turns out too large raises TooLargeError in it.
        body_bytes: that a request may have.
    """

    def __init__(self, app: ASGIApp, *, body_bytes: int) -> None:
        self._app, self._most = app, body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        origin = headers.get(b"origin")
        if scope["method"] == "POST" and origin not in (None, b"http://" + headers.get(b"host", b"")):
            await _refuse(send, 403, "asked by a page of another origin, must be asked by one of this program")
            return
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._most:
            await drain(receive)
            await _refuse(send, 413, f"larger than {self._most >> 20} MB, the limit (--limit-mb)")
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most:
                if message.get("more_body"):
                    await drain(receive)
                raise TooLargeError(f"larger than {self._most >> 20} MB, the limit (--limit-mb)")
            return message

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                last = [CLOSE] if received > self._most else []
                message["headers"] = [*message.get("headers", []), *HEADERS.items(), *last]
            await send(message)

        await self._app(scope, counted, with_headers)


async def _refuse(send: Send, status: int, words: str) -> None:
    body = f"{words}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    headers.append(CLOSE)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
