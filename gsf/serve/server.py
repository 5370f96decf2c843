"""`gsf serve`: MLflow's scoring server for one model, with a guard before it."""

from __future__ import annotations

from typing import Any

from gsf.machine import usable_cores
from gsf.serve.guard import Guard
from gsf.serve.limits import read_limits


def serve(model: Any, *, host: str, port: int) -> None:
    """Answer requests until a signal ends it.

    Args:
        model: as `gsf.tracking.loading.load_model` gives it.
        host: address to listen on; anyone who reaches it may ask.
        port: 0 for any that is free.
    """
    import uvicorn

    # No `limit_concurrency`: uvicorn counts idle connections, and would then refuse requests for /ping, too.
    uvicorn.run(application(model), host=host, port=port, log_level="info")


def application(model: Any) -> Guard:
    """The ASGI application that `serve` runs."""
    from mlflow.pyfunc import scoring_server

    return Guard(scoring_server.init(model), body_bytes=read_limits().body_bytes, at_once=at_once())


def at_once() -> int:
    """Requests that are admitted: those that are worked on, and a few that wait for their turn.

    MLflow has each in a thread of asyncio's pool, which has no fewer threads than this: whatever is admitted waits in a
    thread of its own, where its time counts (`gsf.serve.network`), and not for one. Not counted here is the thread of a
    request that MLflow has given up, which works on.
    """
    return min(32, usable_cores() + 4)
