"""Tables on disk: CSV files with a fixed header, whose bytes follow from their rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from gsf.errors import DataError
from gsf.provenance.hashing import write_atomically


def table_bytes(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The bytes of a table: UTF-8, `\\n` line ends, quotes only where needed."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table atomically."""
    write_atomically(path, table_bytes(columns, rows))


def read_table(path: Path, columns: Sequence[str], *, optional: Sequence[str] = ()) -> list[dict[str, str]]:
    """Rows of a table by column; DataError where the header or a row is not as expected."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such table; run the stage that writes it") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text: {error}") from None
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, [])
    extra = [name for name in header if name not in columns and name not in optional]
    missing = [name for name in columns if name not in header]
    if extra or missing or len(set(header)) != len(header):
        wanted = ",".join([*columns, *(f"[{name}]" for name in optional)])
        raise DataError(f"{path}: header is {','.join(header)!r}, must be {wanted}")
    rows = []
    for row in reader:
        if len(row) != len(header):
            raise DataError(f"{path}, line {reader.line_num}: has {len(row)} values, must have {len(header)}")
        rows.append(dict(zip(header, row, strict=True)))
    return rows
