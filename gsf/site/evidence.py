"""The files behind a study: copies in its results folder, or the work tree's where they are the same bytes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from gsf.project import Project
from gsf.proof.results import evidence_path
from gsf.provenance.hashing import sha256_bytes
from gsf.provenance.receipt import Receipt


def written(project: Project, study: str, receipt: Receipt, name: str) -> bytes | None:
    """The very bytes that a stage wrote as a file of this name; None where they are nowhere here."""
    for path, promised in receipt.outputs.items():
        if Path(path).name != name:
            continue
        copy = evidence_path(project, study, path)
        for place in (copy, project.root / path):
            try:
                data = place.read_bytes() if place is not None else None
            except OSError:
                continue
            if data is not None and sha256_bytes(data) == promised:
                return data
    return None


def written_json(project: Project, study: str, receipt: Receipt, name: str) -> dict[str, Any]:
    """The same as a mapping; empty where it is not here, or no mapping."""
    data = written(project, study, receipt, name)
    try:
        value = json.loads(data) if data is not None else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def written_rows(project: Project, study: str, receipt: Receipt, name: str) -> list[dict[str, str]]:
    """The same as the rows of a table; none where it is not here."""
    data = written(project, study, receipt, name)
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""))) if data is not None else []
