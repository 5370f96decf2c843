"""Ids: what annotations call a video, and its path below its benchmark's folder of videos; most often they are one.

An id ends up in tables, LMDB keys, receipts and messages, so it must be one line of text that means the same file on
every machine. A leading `-` is allowed: published data sets have such names (Kinetics, Diving48), and no program gets
an id as an argument, only absolute paths behind a `file:` prefix.
"""

from __future__ import annotations

import unicodedata

from gsf.errors import DataError

MAX_BYTES = 400  # UTF-8; LMDB keys have at most 511, and a frame's number has to fit in
_CONTROL = frozenset({"Cc", "Zl", "Zp"})
_SHOWN = 200  # characters


def check_id(text: str, *, where: str, what: str = "path") -> str:
    """Return `text` if it may be the id of a video, else raise DataError; `where` names the file and the line."""
    rule = _broken_rule(text)
    if rule is not None:
        raise DataError(f"{where}: {what} {shown(text)} must {rule}")
    return text


def check_part(text: str, *, where: str, what: str) -> str:
    """Return `text` if it may be the name of one file or folder, else raise DataError."""
    if "/" in text:
        raise DataError(f"{where}: {what} {shown(text)} must be one name without '/'")
    return check_id(text, where=where, what=what)


def shown(text: str) -> str:
    """`text` as messages quote it: escaped, and cut where it is long."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."


def check_label(text: str, *, where: str) -> str:
    """Return `text` if it may name a class, else raise DataError."""
    rule = None
    if not text:
        rule = "not be empty"
    elif (size := _size(text)) is None:
        rule = "be UTF-8 text"
    elif size > MAX_BYTES:
        rule = f"have at most {MAX_BYTES} bytes in UTF-8, has {size}"
    elif text != text.strip():
        rule = "not begin or end with a space: it would count as a class of its own"
    elif _has_control(text):
        rule = "be one line without control characters"
    if rule is not None:
        raise DataError(f"{where}: label {shown(text)} must {rule}")
    return text


def _broken_rule(text: str) -> str | None:
    if not text:
        return "not be empty"
    size = _size(text)
    if size is None:
        return "be UTF-8 text; rename the file"
    if size > MAX_BYTES:
        return f"have at most {MAX_BYTES} bytes in UTF-8, has {size}"
    if _has_control(text):
        return "be one line without control characters"
    if "\\" in text:
        return "not hold a backslash; folders are separated by /"
    if text.startswith("/"):
        return "be relative to the folder of videos"
    parts = text.split("/")
    if ".." in parts:
        return "stay below the folder of videos: no '..'"
    if "" in parts or "." in parts:
        return "be in its shortest form: no '//', no '.' part, no '/' at the end"
    return None


def _size(text: str) -> int | None:
    """Bytes in UTF-8; None where there is no such form, as of half a surrogate pair."""
    try:
        return len(text.encode("utf-8"))
    except UnicodeEncodeError:
        return None


def _has_control(text: str) -> bool:
    if text.isprintable():  # nearly all names, and fast
        return False
    return any(unicodedata.category(character) in _CONTROL for character in text)
