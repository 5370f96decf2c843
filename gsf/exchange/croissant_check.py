"""Whether a described data set is what the project says of its benchmark, file by file."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from gsf.errors import ParamsError
from gsf.exchange.croissant import METADATA, croissant_files
from gsf.project import Project
from gsf.proof.content import EQUAL_REMEDY, same_content
from gsf.proof.findings import Finding, Verdict
from gsf.provenance.hashing import sha256_bytes

_NOT_PROVEN = (
    "the bytes of the shards, which are named and not in the folder",
    "that the lists follow from videos and annotations: `gsf verify`",
)


def check_croissant(project: Project, benchmark: str, folder: Path) -> Verdict:
    """Hold a folder that `gsf export-croissant` wrote against what it would write now.

    Raises:
        ParamsError: there is no such folder, or `params/about` breaks its schema.
        DataError: the lists of the benchmark are not here.
        ProvenanceError: they are not what their receipts say.
    """
    if not folder.is_dir():
        raise ParamsError(f"{folder}: no such folder, must be one that `gsf export-croissant {benchmark}` wrote")
    wanted, _ = croissant_files(project, benchmark)
    remedy = f"write it anew: `gsf export-croissant {benchmark}`"
    findings = tuple(_check(folder, wanted, remedy))
    return Verdict(str(folder), True, {"files": len(wanted)}, findings, _NOT_PROVEN)


def _check(folder: Path, wanted: dict[str, bytes], remedy: str) -> Iterator[Finding]:
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.is_file() and name not in wanted:
            yield Finding("broken", name, "is no part of the description", remedy)
    for name, promised in wanted.items():
        file = folder / name
        if not file.is_file():
            yield Finding("broken", name, "is missing", remedy)
            continue
        found = file.read_bytes()
        if found == promised:
            continue
        what = f"has sha256 {sha256_bytes(found)[:12]}, what the project says has {sha256_bytes(promised)[:12]}"
        how = _same(found, name, promised)
        if how is None:
            yield Finding("broken", name, what, remedy)
        else:
            yield Finding("equal", name, f"{what}: {how}", EQUAL_REMEDY)


def _same(found: bytes, name: str, promised: bytes) -> str | None:
    """How `found` is another writing of `promised`; None where it is not."""
    try:
        if name == METADATA:
            return "the same JSON in another layout" if json.loads(found) == json.loads(promised) else None
        if name.endswith(".parquet"):
            one, two = (parquet.read_table(io.BytesIO(data)) for data in (found, promised))
            return "the same table, written in another way" if one.equals(two) else None
    except (ValueError, OSError, RecursionError, pa.ArrowException):
        return None
    return same_content(found, name, sha256_bytes(promised))
