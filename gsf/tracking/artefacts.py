"""The files of a run: that all are there, and that receipts and tables have the bytes they were written with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsf.proof.findings import Finding
from gsf.provenance.hashing import sha256_file
from gsf.tracking.record import Record
from gsf.tracking.run_writer import picture_names

if TYPE_CHECKING:
    from mlflow import MlflowClient

_REMEDY = "delete it there, then `gsf mlflow sync`; or `gsf mlflow rebuild`"


def check_artefacts(client: MlflowClient, record: Record, run: Any) -> Iterator[Finding]:
    """Compare a run's files with those of a record; pictures are drawn from them, and only have to be there."""
    names = [*record.files, *picture_names(record)] if record.files else []
    link = f"mlflow:{record.name}/artefacts"
    with tempfile.TemporaryDirectory() as scratch:
        there: dict[str, Path] = {}
        for folder in sorted({name.rpartition("/")[0] for name in names}):  # one request each, not one a file
            if client.list_artifacts(run.info.run_id, folder):
                root = Path(client.download_artifacts(run.info.run_id, folder, scratch))
                there |= {f"{folder}/{path.name}": path for path in root.iterdir()}
        for name in sorted(names):
            if name not in there:
                yield Finding("broken", f"{link}/{name}", "is missing", "`gsf mlflow sync` writes what is missing")
            elif name in record.files:
                found, wanted = sha256_file(there[name]), sha256_file(record.files[name])
                if found != wanted:
                    what = f"has sha256 {found[:12]}, the file here has {wanted[:12]}"
                    yield Finding("broken", f"{link}/{name}", what, _REMEDY)
