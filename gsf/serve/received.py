"""One video of a request: its bytes (as text: in base64), or a path below the folder that a server's owner names.

Nothing here says whether a file outside of that folder exists.
"""

from __future__ import annotations

import base64
import binascii
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from gsf.errors import GsfError
from gsf.predict.files import File
from gsf.serve.limits import FOLDER, Limits

COLUMNS = ("video", "path")
_RULE = "must be {'video': the bytes of a video file in base64} or {'path': 'name of a video on the server'}"


class RequestError(GsfError):
    """A request cannot be answered, and its sender can mend it."""


class UnavailableError(GsfError):
    """A request cannot be answered now, through no fault of its sender."""


@contextmanager
def received(rows: Sequence[Mapping[str, Any]], limits: Limits) -> Iterator[list[File]]:
    """The files of the rows of a request; those that came as bytes are there as long as the block takes.

    Raises:
        RequestError: a row is not a video as above, or there are too many of them, or too many bytes.
        UnavailableError: they cannot be written to the disk.
    """
    if not 1 <= len(rows) <= limits.videos:
        raise RequestError(
            f"the request has {len(rows)} videos, must have 1 to {limits.videos} (GSF_SERVE_MAX_VIDEOS);"
            " each is an object with `video` or `path`"
        )
    left = limits.bytes
    with ExitStack() as stack:
        with _unavailable():
            kept = tempfile.TemporaryDirectory(prefix="gsf-serve-", ignore_cleanup_errors=True)
            folder = stack.enter_context(kept)
        files = []
        for number, row in enumerate(rows):
            key, given = _given(row, number)
            if key == "path":
                files.append(File(str(given), _below(limits.folder, str(given), number)))
                continue
            data = _bytes(given, number, left=left, limits=limits)
            left -= len(data)
            path = Path(folder, str(number))
            with _unavailable():
                path.write_bytes(data)
            files.append(File(f"video {number}", path))
        yield files


@contextmanager
def _unavailable() -> Iterator[None]:
    """What the system refuses is no fault of the sender."""
    try:
        yield
    except OSError as error:
        words = error.strerror or str(error)
        raise UnavailableError(
            f"the server has no place for the videos of a request: {words}; its owner makes room, or lets TMPDIR name"
            " another folder; send it again later"
        ) from error


def _given(row: Mapping[str, Any], number: int) -> tuple[str, str | bytes]:
    """The one column of a row that says something; what is absent is None or NaN in a table."""
    given = {name: row[name] for name in COLUMNS if name in row and not _absent(row[name])}
    if len(given) != 1:
        raise RequestError(f"video {number}: has {' and '.join(given) or 'neither of both'}, {_RULE}")
    ((key, value),) = given.items()
    if isinstance(value, bytearray):
        value = bytes(value)
    if not isinstance(value, str) and not (isinstance(value, bytes) and key == "video"):
        raise RequestError(f"video {number}: {key} is of type {type(value).__name__}, {_RULE}")
    if not value.strip():
        raise RequestError(f"video {number}: {key} is empty, {_RULE}")
    return key, value


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _bytes(given: str | bytes, number: int, *, left: int, limits: Limits) -> bytes:
    """Of a video, which a caller in Python may give as they are."""
    try:
        data = given if isinstance(given, bytes) else base64.b64decode("".join(given.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(
            f"video {number}: is not base64 ({error}), must be the bytes of a video file as `base64 -w0 FILE` prints"
        ) from None
    if len(data) > left:
        raise RequestError(
            f"video {number}: too large, the videos of a request must have at most {limits.bytes} bytes together"
            " (GSF_SERVE_MAX_BYTES); send fewer, or shorter ones"
        )
    return data


def _below(root: Path | None, text: str, number: int) -> Path:
    if root is None:
        raise RequestError(
            f"video {number}: is a path, must be bytes in base64 (`video`): this server accepts no paths, because its"
            f" owner has not set {FOLDER}"
        )
    try:
        path = (root / text).resolve()
        inside = path.is_relative_to(root) and path != root
        there = inside and path.is_file()
    except (OSError, ValueError, RuntimeError):  # too long, a zero byte, links in a circle
        inside = there = False
    if not inside:
        raise RequestError(f"video {number}: path leads out of the server's folder, must name a video in it")
    if not there:
        raise RequestError(f"video {number}: {text}: no such file in the server's folder")
    return path
