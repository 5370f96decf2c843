"""`gsf serve`: MLflow's scoring server for one model, with a guard before it."""

from __future__ import annotations

from typing import Any

from gsf.serve.guard import Guard
from gsf.serve.limits import read_limits

CONNECTIONS = 32  # at once: each may hold a request as large as the limit, and more are answered with 503


def serve(model: Any, *, host: str, port: int) -> None:
    """Answer requests until a signal ends it.

    Args:
        model: as `gsf.tracking.loading.load_model` gives it.
        host: address to listen on; anyone who reaches it may ask.
        port: 0 for any that is free.
    """
    import uvicorn

    uvicorn.run(application(model), host=host, port=port, log_level="info", limit_concurrency=CONNECTIONS)


def application(model: Any) -> Guard:
    """The ASGI application that `serve` runs."""
    from mlflow.pyfunc import scoring_server

    return Guard(scoring_server.init(model), body_bytes=read_limits().body_bytes)
