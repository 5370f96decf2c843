"""sha256 of files, remembered by size and modification time so that large shards are read once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from gsf.errors import ProvenanceError


def canonical_json(value: Any) -> bytes:
    """The one byte form of a JSON value: sorted keys, no spaces, UTF-8, a final newline; no NaN or infinity."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8")


def sha256_bytes(data: bytes) -> str:
    """Hexadecimal sha256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def pairs_digest(pairs: Iterable[tuple[str, str]]) -> str:
    """sha256 of `canonical_json` of a list of pairs of strings, made without holding the list."""
    digest, separator = hashlib.sha256(b"["), b""
    for pair in pairs:
        digest.update(separator + canonical_json(pair)[:-1])
        separator = b","
    digest.update(b"]\n")
    return digest.hexdigest()


def sha256_file(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes, always read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class HashCache:
    """sha256 of files that did not change since they were last hashed.

    A file counts as unchanged while its size, modification time in nanoseconds and inode are what they were. One small
    file an entry, replaced atomically, so that any number of processes may share the folder. `gsf verify --deep` does
    not use it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sha256(self, path: Path) -> str:
        """Hexadecimal sha256 of the file at `path`."""
        try:
            stat = path.stat()
        except FileNotFoundError:
            raise ProvenanceError(f"{path}: no such file, must be there before it can be hashed") from None
        name = str(path.resolve())
        key = [name, stat.st_size, stat.st_mtime_ns, stat.st_ino]
        entry = self._folder / f"{sha256_bytes(name.encode())[:32]}.json"
        try:
            known = json.loads(entry.read_bytes())
            if known["key"] == key:
                return str(known["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # no entry, or a damaged one: hash again
        digest = sha256_file(path)
        write_atomically(entry, canonical_json({"key": key, "sha256": digest}))
        return digest


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader, or a crash, sees the old bytes or the new ones, never a part."""
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that becomes `path`, on the disk, when the block ends well, and nothing when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
