"""Reading published files: each is opened once, checked against its sha256, and errors name its line or item."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gsf.data.ids import shown
from gsf.errors import DataError
from gsf.provenance.hashing import sha256_bytes


class Files:
    """The published files of one benchmark, by role; only those that are pinned are read.

    Args:
        folder: where they lie.
        names: the name of the file that plays each role, as `formats.choose` finds it.
        sha256: what each must be, by name.
    """

    def __init__(self, folder: Path, names: Mapping[str, str], sha256: Mapping[str, str]) -> None:
        self._folder = folder
        self._names = names
        self._sha256 = sha256

    def has(self, role: str) -> bool:
        """Whether an optional file is among them."""
        return role in self._names

    def path(self, role: str) -> Path:
        """Where the file of a role lies; errors name it."""
        return self._folder / self._names[role]

    def text(self, role: str) -> str:
        """The text of a file, without a byte order mark, every line end a newline."""
        path = self.path(role)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DataError(
                f"{path}: cannot be read ({error.strerror}), must be the published file; see docs/benchmarks.md"
            ) from None
        found, promised = sha256_bytes(data), self._sha256[path.name]
        if found != promised:
            raise DataError(
                f"{path}: sha256 is {found}, must be {promised} as the benchmark's published.sha256 says;"
                " get that file, or write the new sha256 there if the file is meant to differ"
            )
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise DataError(f"{path}, line {line}: is not UTF-8 text: {error.reason}; save it as UTF-8") from None
        return text.replace("\r\n", "\n")

    def lines(self, role: str) -> Iterator[tuple[str, str]]:
        """Lines that are not empty, each with `file, line n`."""
        path = self.path(role)
        for number, line in enumerate(self.text(role).split("\n"), start=1):
            if line.strip():
                yield f"{path}, line {number}", line

    def table(
        self, role: str, columns: Sequence[str], *, optional: Sequence[str] = ()
    ) -> Iterator[tuple[str, dict[str, str]]]:
        """Rows of a CSV with a header, the given columns of each, with `file, line n`; further columns are ignored."""
        path = self.path(role)
        reader = csv.reader(io.StringIO(self.text(role), newline=""), strict=True)
        try:
            header = next(reader, [])
            missing = [name for name in columns if name not in header]
            if missing or len(set(header)) != len(header):
                raise DataError(
                    f"{path}: header is {shown(','.join(header))}, must have each of {','.join(columns)} once"
                )
            places = [(name, header.index(name)) for name in (*columns, *optional) if name in header]
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                if not row:
                    continue
                if len(row) != len(header):
                    raise DataError(f"{where}: has {len(row)} values, must have {len(header)} as the header has")
                yield where, {name: row[place] for name, place in places}
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num}: is not a CSV table: {error}") from None

    def json(self, role: str) -> Any:
        """The value in a JSON file; an object that has a key twice is an error."""
        path = self.path(role)
        text = self.text(role)
        try:
            return json.loads(text, object_pairs_hook=_object)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}, line {error.lineno}: is not JSON: {error.msg}") from None
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: is not JSON that can be read: {error}") from None

    def items(self, role: str, keys: Mapping[str, type]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Objects of a JSON list that have the given keys, of the given types, with `file, item n`."""
        path = self.path(role)
        values = self.json(role)
        if not isinstance(values, list):
            raise DataError(f"{path}: holds {type(values).__name__}, must be a list of objects")
        for number, item in enumerate(values, start=1):
            where = f"{path}, item {number}"
            if not isinstance(item, dict):
                raise DataError(f"{where}: is {type(item).__name__}, must be an object")
            for key, kind in keys.items():
                if type(item.get(key)) is not kind:
                    raise DataError(f"{where}: {key} is {shown(str(item.get(key)))}, must be of type {kind.__name__}")
            yield where, item


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"an object has the key {shown(key)} twice, must have it once")
        found[key] = value
    return found
