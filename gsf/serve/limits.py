"""What one request may cost, as the owner of a server sets it: in the environment, since MLflow starts the process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gsf.errors import ParamsError

FOLDER = "GSF_SERVE_FOLDER"


@dataclass(frozen=True)
class Limits:
    """Of one request; more is an answer of 4xx that says so. `NAME` is set by GSF_SERVE_MAX_NAME."""

    videos: int = 8
    bytes: int = 64 << 20  # of the videos in the request, decoded from base64
    seconds: int = 30  # wall clock for decoding them, shared evenly; MLflow ends a request after 60 s
    frames: int = 10_000  # of one video
    pixels: int = 4096 * 2160  # width x height of one video
    folder: Path | None = None  # below which paths are accepted; None: no paths at all

    @property
    def body_bytes(self) -> int:
        """Of a request as it is sent: base64 makes four bytes of three, and JSON is around them."""
        return self.bytes * 4 // 3 + (64 << 10)


def read_limits(environment: Mapping[str, str] = os.environ) -> Limits:
    """The limits that the environment sets; ParamsError where it sets nonsense."""
    names = ("videos", "bytes", "seconds", "frames", "pixels")
    found = {name: _number(environment, f"GSF_SERVE_MAX_{name.upper()}", getattr(Limits, name)) for name in names}
    return Limits(**found, folder=_folder(environment))


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise ParamsError(f"{name} is {text!r}, must be an integer of 1 or more; unset it for {default}")
    return int(text)


def _folder(environment: Mapping[str, str]) -> Path | None:
    text = environment.get(FOLDER, "")
    if not text:
        return None
    if not Path(text).is_dir():
        raise ParamsError(f"{FOLDER} is {text!r}, must be a folder of videos; unset it to accept no paths")
    return Path(text).resolve()
