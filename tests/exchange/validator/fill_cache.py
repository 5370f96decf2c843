"""Fills the validator's cache with JSON-LD contexts, so that it works offline; run by the validator's own Python.

    python fill_cache.py CACHE CONTEXTS.json     # {url: context}

The validator reads contexts through a cache of HTTP answers, and `--offline` takes nothing else. The answers are given
here, by an adapter that never opens a connection.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests_cache import CachedSession
from urllib3 import HTTPResponse


class Given(BaseAdapter):
    """Answers from a mapping of URL to JSON."""

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__()
        self._answers = answers

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        body = json.dumps(self._answers[str(request.url)]).encode()
        response = requests.Response()
        response.status_code, response.url, response.request = 200, str(request.url), request
        response.headers["Content-Type"] = "application/ld+json"
        response.raw = HTTPResponse(
            body=io.BytesIO(body),
            headers=response.headers,
            status=200,
            preload_content=False,
            request_method="GET",
        )
        return response

    def close(self) -> None:
        """Nothing is open."""


def main(cache: str, contexts: str) -> None:
    answers = json.loads(Path(contexts).read_bytes())
    session = CachedSession(cache_name=cache, backend="sqlite", expire_after=-1)
    session.mount("https://", Given(answers))
    for url in answers:
        session.get(url).raise_for_status()


if __name__ == "__main__":
    main(*sys.argv[1:])
