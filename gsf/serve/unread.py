"""What a client still sends of a request that is refused already."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import Receive

DRAIN_SECONDS = 5.0
CLOSE = (b"connection", b"close")  # header of the answer: what comes after DRAIN_SECONDS is not read


async def drain(receive: Receive) -> None:
    """Drop it: closed while its client sends, a connection would lose the words that say why.

    A client that does not come to an end is waited for DRAIN_SECONDS at most, whatever it sends.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while (message := await receive())["type"] == "http.request" and message.get("more_body", False):
                pass
