"""Paths from annotation files, checked before they become paths."""

from __future__ import annotations

from gsf.errors import DataError

MAX_BYTES = 400  # an id is part of an LMDB key, which holds 511


def check_relative_path(value: str, *, where: str) -> str:
    """Return `value` if it is a plain path below its folder, else raise DataError.

    A leading `-` is allowed (published ids have it): no path reaches ffmpeg without `file:` in front.
    """
    rule = None
    if not value or value != value.strip("/"):
        rule = "a relative path"
    elif "\0" in value or "\\" in value:
        rule = "without NUL and backslash"
    elif any(part in ("", ".", "..") for part in value.split("/")):
        rule = "without empty, '.' and '..' parts"
    else:
        try:
            if len(value.encode("utf-8")) > MAX_BYTES:
                rule = f"at most {MAX_BYTES} bytes as UTF-8"
        except UnicodeEncodeError:
            rule = "valid UTF-8: rename the file"
    if rule:
        raise DataError(f"{where}: path is {value!r}, must be {rule}")
    return value
