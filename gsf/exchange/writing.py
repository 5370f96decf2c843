"""Several files written as one: a folder or a ZIP file that is there whole, or not at all."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

from gsf.errors import ParamsError
from gsf.provenance.hashing import write_atomically

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a ZIP file can hold: its bytes do not depend on when it was made


def check_new_folder(to: Path) -> None:
    """Raise ParamsError unless `to` is an empty folder or nothing yet."""
    if to.is_symlink() or (to.exists() and (not to.is_dir() or any(to.iterdir()))):
        raise ParamsError(f"{to}: is there already, must be a new or an empty folder")


def write_folder(to: Path, files: Mapping[str, bytes]) -> None:
    """Write all files beside, then give them the name: a reader sees the whole crate or none."""
    temporary = to.with_name(f".{to.name}.{os.getpid()}.tmp")
    try:
        for path, data in files.items():
            write_atomically(temporary / path, data)
        if to.is_dir():
            to.rmdir()
        temporary.replace(to)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_zip(to: Path, files: Mapping[str, bytes]) -> None:
    """Write a ZIP file whose bytes follow from the files: stored, in one order, without times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[path])
    write_atomically(to, buffer.getvalue())
