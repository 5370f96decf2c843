"""Whether a file that has other bytes than were promised still has the promised content.

Nothing but a sha256 is known of the promised bytes. But the stages write each kind of file in one form that follows
from its content: what is here is read, written in that form again, and must then have the promised sha256.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gsf.provenance.hashing import canonical_json, sha256_bytes

EQUAL_REMEDY = "stages and engines go by the bytes: restore them, `git checkout` or `dvc checkout`"
_TEXT = frozenset({".csv", ".json", ".lock", ".md", ".py", ".txt", ".yaml"})
_BOM = b"\xef\xbb\xbf"


def same_content(data: bytes, name: str, promised: str) -> str | None:
    """How `data` is another writing of what has the sha256 `promised`; None where it is not, or none can tell.

    Args:
        data: the bytes found.
        name: the file's name, whose ending says what it holds.
        promised: the sha256 that its receipt lists.
    """
    try:
        return next((how for how, form in _forms(data, Path(name).suffix) if sha256_bytes(form) == promised), None)
    except (ValueError, RecursionError, csv.Error):
        return None  # it is no such file any more


def same_content_of(path: Path, name: str, promised: str) -> str | None:
    """The same of a file; None where it cannot be read. Pictures, videos and shards are not looked into."""
    if Path(name).suffix not in _TEXT | {".safetensors"}:
        return None
    try:
        return same_content(path.read_bytes(), name, promised)
    except OSError:
        return None


def canonical_form(data: bytes) -> bytes:
    """The one byte form of the JSON value in `data`; ValueError where it is none, or says one key twice."""
    return canonical_json(json.loads(data, object_pairs_hook=_each_once))


def canonical_or_as_it_is(data: bytes) -> bytes:
    """The canonical form of the JSON value in `data`; where it is none, `data`."""
    try:
        return canonical_form(data)
    except (ValueError, RecursionError):
        return data


def _forms(data: bytes, kind: str) -> Iterator[tuple[str, bytes]]:
    if kind in _TEXT:
        plain = data.removeprefix(_BOM).replace(b"\r\n", b"\n")
        for start in (b"", _BOM):
            for form in (plain, plain.replace(b"\n", b"\r\n")):
                yield "the same text with other line ends", start + form
    if kind == ".json":
        for form in _json_forms(data):
            yield "the same JSON in another layout", form
    elif kind == ".csv":
        yield "the same table, written in another way", _table_form(data)
    elif kind == ".safetensors":
        yield "the same tensors and metadata, written in another way", _tensors_form(data)


def _json_forms(data: bytes) -> Iterator[bytes]:
    """In which the stages write JSON: canonical, indented, or a record a line; the last two keep the order of keys."""
    from gsf.provenance.records import readable_json

    yield canonical_form(data)
    value = json.loads(data, object_pairs_hook=_each_once)
    for ascii_alone in (False, True):
        yield (json.dumps(value, indent=2, ensure_ascii=ascii_alone) + "\n").encode("utf-8")
    if isinstance(value, list):
        yield readable_json(value)


def _table_form(data: bytes) -> bytes:
    from gsf.tables import table_bytes

    header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    return table_bytes(header, rows)


def _tensors_form(data: bytes) -> bytes:
    from safetensors import SafetensorError
    from safetensors.numpy import load, save

    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")], object_pairs_hook=_each_once)
        return bytes(save(load(data), metadata=header.get("__metadata__")))
    except (SafetensorError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"is not a file of tensors that numpy knows: {error}") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("says one key twice")
    return found
