"""Tables on disk: CSV files with a fixed header, whose bytes follow from their rows.

Small tables are read as rows. Large ones, a row a video of hundreds of thousands, are read as columns: pyarrow holds
each as one flat buffer, in a fraction of the time and memory of Python objects.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gsf.errors import DataError
from gsf.provenance.hashing import replacing, write_atomically

if TYPE_CHECKING:
    import pyarrow as pa


def table_bytes(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The bytes of a table: UTF-8, `\\n` line ends, quotes only where needed."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table atomically, row by row: the bytes of `table_bytes`, without holding them."""
    with replacing(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        text.flush()
        text.detach()  # the file stays open until it is on the disk


def write_if_changed(path: Path, data: bytes) -> None:
    """Write `data` unless the file holds it already, so that an unchanged file keeps its time."""
    if not path.is_file() or path.read_bytes() != data:
        write_atomically(path, data)


def read_table(path: Path, columns: Sequence[str], *, optional: Sequence[str] = ()) -> list[dict[str, str]]:
    """Rows of a table by column; DataError where the header or a row is not as expected."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise _absent(path) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text: {error}") from None
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, [])
    _check_header(path, header, columns, optional)
    rows = []
    for row in reader:
        if len(row) != len(header):
            raise DataError(f"{path}, line {reader.line_num}: has {len(row)} values, must have {len(header)}")
        rows.append(dict(zip(header, row, strict=True)))
    return rows


def read_columns(
    path: Path,
    columns: Sequence[str],
    *,
    optional: Sequence[str] = (),
    numbers: Sequence[str] = (),
    only: Sequence[str] | None = None,
) -> pa.Table:
    """A table as columns: text, or 64-bit integers for those in `numbers`.

    Args:
        path: the file.
        columns: those that it must have.
        optional: those that it may have.
        numbers: those that hold integers, in every row.
        only: the columns to keep; all of them unless given.

    Raises:
        DataError: the header, a row or a number is not as expected.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    header = _header(path)
    _check_header(path, header, columns, optional)
    types = {name: pa.int64() if name in numbers else pa.string() for name in header}
    try:
        table = arrow_csv.read_csv(
            path,
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types,
                null_values=[],
                strings_can_be_null=False,
                include_columns=[name for name in header if only is None or name in only],
            ),
        )
    except pa.ArrowInvalid as error:
        read_table(path, columns, optional=optional)  # raises what is wrong with the table, in our words
        raise DataError(f"{path}: {', '.join(numbers)} must be integers: {error}") from None
    return table.combine_chunks()


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file), [])
    except FileNotFoundError:
        raise _absent(path) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text: {error}") from None


def _check_header(path: Path, header: Sequence[str], columns: Sequence[str], optional: Sequence[str]) -> None:
    extra = [name for name in header if name not in columns and name not in optional]
    missing = [name for name in columns if name not in header]
    if extra or missing or len(set(header)) != len(header):
        wanted = ",".join([*columns, *(f"[{name}]" for name in optional)])
        raise DataError(f"{path}: header is {','.join(header)!r}, must be {wanted}")


def _absent(path: Path) -> DataError:
    return DataError(f"{path}: no such table; run the stage that writes it")
