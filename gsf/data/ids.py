"""Ids: the path of a video below its benchmark's folder of videos, as annotations name it.

An id ends up in tables, LMDB keys, receipts and messages, so it must be one line of text that means the same file on
every machine. A leading `-` is allowed: published data sets have such names (Kinetics, Diving48), and no program gets
an id as an argument, only absolute paths behind a `file:` prefix.
"""

from __future__ import annotations

import unicodedata

from gsf.errors import DataError

MAX_BYTES = 400  # UTF-8; LMDB keys have at most 511, and a frame's number has to fit in
_CONTROL = frozenset({"Cc", "Zl", "Zp"})


def check_id(text: str, *, where: str) -> str:
    """Return `text` if it may be the id of a video, else raise DataError; `where` names the file and the line."""
    rule = _broken_rule(text)
    if rule is not None:
        raise DataError(f"{where}: path {text!r} must {rule}")
    return text


def check_label(text: str, *, where: str) -> str:
    """Return `text` if it may name a class, else raise DataError."""
    rule = None
    if not text:
        rule = "not be empty"
    elif text != text.strip():
        rule = "not begin or end with a space: it would count as a class of its own"
    elif _has_control(text):
        rule = "be one line without control characters"
    if rule is not None:
        raise DataError(f"{where}: label {text!r} must {rule}")
    return text


def _broken_rule(text: str) -> str | None:
    if not text:
        return "not be empty"
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
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


def _has_control(text: str) -> bool:
    return any(unicodedata.category(character) in _CONTROL for character in text)
