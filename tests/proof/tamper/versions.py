"""Other bytes for a file: another valid version of it, and another writing of the same content."""

from __future__ import annotations

import io
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lmdb
import yaml
from PIL import Image
from pyarrow import parquet
from safetensors.numpy import load, save

from gsf.provenance.hashing import canonical_json
from gsf.provenance.records import readable_json
from gsf.store.layout import ENGINE


def other_version(data: bytes, name: str, *, key: str | None) -> bytes:
    """A file of its kind that another run, or an earlier state, could have left."""
    if key is not None:
        return changed_number(data, key, lambda number: number + 2)
    changed = _OTHER[Path(name).suffix](data)
    assert changed != data
    return changed


def changed_number(data: bytes, key: str, change: Callable[[int], int]) -> bytes:
    """The file with the number after `key` changed."""
    found = re.search(re.escape(key.encode()) + rb"\D{0,3}(\d+)|" + rb"(?<=,)(1)\b", data)
    assert found, key
    start, end = found.span(1 if found[1] is not None else 2)
    return data[:start] + str(change(int(data[start:end]))).encode() + data[end:]


def rewritten(data: bytes, name: str) -> bytes | None:
    """The same content in other bytes; None for files of which no one can tell."""
    form = _REWRITTEN.get(Path(name).suffix)
    changed = None if form is None else form(data)
    assert changed != data
    return changed


def with_other_number(value: Any) -> Any:
    """A JSON value in which the first number is another."""
    numbers = iter([True])
    return _change(value, numbers)


def _change(value: Any, left: Iterator[bool]) -> Any:
    if isinstance(value, dict):
        return {key: _change(item, left) for key, item in value.items()}
    if isinstance(value, list):
        return [_change(item, left) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool) and next(left, False):
        return value + 0.5 if isinstance(value, float) else value + 1
    return value


def _json(data: bytes) -> bytes:
    value = json.loads(data)
    if isinstance(value, list):
        return readable_json(with_other_number(value) or [{"n": 1}])
    if "outputs" in value:  # a receipt: that of a run with another seed
        return canonical_json({**value, "seed": 77})
    return canonical_json(with_other_number(value))


def _without_last_line(data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join(lines[:-1] if len(lines) > 2 else [*lines, lines[-1]])


def _tensors(data: bytes) -> bytes:
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    tensors = {key: value + 1 if value.dtype.kind == "f" else value for key, value in load(data).items()}
    return bytes(save(tensors, metadata=header["__metadata__"]))


def _padded_tensors(data: bytes) -> bytes:
    size = int.from_bytes(data[:8], "little")
    return (size + 8).to_bytes(8, "little") + data[8 : 8 + size] + b" " * 8 + data[8 + size :]


def _entries(data: bytes) -> list[tuple[bytes, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shard.lmdb"
        path.write_bytes(data)
        with lmdb.open(str(path), subdir=False, lock=False, readonly=True, **ENGINE) as environment:
            return [(bytes(key), bytes(value)) for key, value in environment.begin().cursor()]


def _stored(entries: list[tuple[bytes, bytes]], size: int) -> bytes:
    """A shard as another writer lays it out: one transaction an entry."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shard.lmdb"
        with lmdb.open(str(path), subdir=False, lock=False, sync=False, map_size=4 * size, **ENGINE) as environment:
            for key, value in entries:
                with environment.begin(write=True) as transaction:
                    transaction.put(key, value)
        return path.read_bytes()


def _other_shard(data: bytes) -> bytes:
    entries = _entries(data)
    last = entries[-1][0].partition(b"\0")[0]
    return _stored([(key, value) for key, value in entries if not key.startswith(last + b"\0")], len(data))


def _picture(data: bytes, form: str = "PNG") -> bytes:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture.putpixel((0, 0), (1, 2, 3))
    out = io.BytesIO()
    picture.save(out, form)
    return out.getvalue()


def _page(data: bytes) -> bytes:
    """The page with the last number of its first table changed."""
    row = next(found for found in re.finditer(rb"(?m)^\| [a-z_]+ \|.*?(\d)\.\d", data))
    digit = b"%d" % ((int(row[1]) + 1) % 10)
    return data[: row.start(1)] + digit + data[row.end(1) :]


def _lock(data: bytes) -> bytes:
    value = yaml.safe_load(data)
    value["stages"]["train@demo-gsf-s0"]["outs"][0]["md5"] = "0" * 32
    return yaml.safe_dump(value).encode()


def _other_layout(data: bytes) -> bytes:
    return json.dumps(json.loads(data), indent=3).encode()


def _line_ends(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n") if b"\r\n" in data else data.replace(b"\n", b"\r\n")


def _zip(data: bytes, change: Callable[[str, bytes], bytes], *, compression: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w", compression) as written:
        for name in archive.namelist():
            written.writestr(name, change(name, archive.read(name)))
    return out.getvalue()


def _other_zip(data: bytes) -> bytes:
    """With another table of results."""
    return _zip(
        data,
        lambda name, entry: _json(entry) if name.endswith("/results.json") else entry,
        compression=zipfile.ZIP_STORED,
    )


def _parquet(table: Any, compression: str) -> bytes:
    out = io.BytesIO()
    parquet.write_table(table, out, compression=compression)
    return out.getvalue()


def _other_table(data: bytes) -> bytes:
    table = parquet.read_table(io.BytesIO(data))
    return _parquet(table.slice(0, len(table) - 1), "none")


_OTHER: dict[str, Callable[[bytes], bytes]] = {
    ".csv": _without_last_line,
    ".json": _json,
    ".jsonl": _without_last_line,
    ".lmdb": _other_shard,
    ".lock": _lock,
    ".md": _page,
    ".mp4": lambda data: data + b"\0",
    ".parquet": _other_table,
    ".png": _picture,
    ".pth": lambda data: data[::-1],
    ".py": lambda data: data + b"\nADDED = 1\n",
    ".safetensors": _tensors,
    ".txt": _without_last_line,
    ".webp": lambda data: _picture(data, "WEBP"),
    ".zip": _other_zip,
}
_REWRITTEN: dict[str, Callable[[bytes], bytes]] = {
    ".csv": _line_ends,
    ".json": _other_layout,
    ".lmdb": lambda data: _stored(_entries(data), len(data)),
    ".lock": lambda data: (
        yaml.safe_dump(yaml.safe_load(data), indent=4, width=1000, default_flow_style=True).encode()
        if data.startswith(b"schema")
        else _line_ends(data)
    ),
    ".md": _line_ends,
    ".parquet": lambda data: _parquet(parquet.read_table(io.BytesIO(data)), "gzip"),
    ".py": _line_ends,
    ".safetensors": _padded_tensors,
    ".txt": _line_ends,
    ".yaml": lambda data: b"# a note\n" + data,
    ".zip": lambda data: _zip(data, lambda _, entry: entry, compression=zipfile.ZIP_DEFLATED),
}
