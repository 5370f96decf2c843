"""A study's results as a Workflow Run RO-Crate, in a folder or a ZIP file, from what git has."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from gsf.errors import ParamsError, ProvenanceError
from gsf.exchange.committed import recorded
from gsf.exchange.crate_files import crate_files
from gsf.exchange.crate_metadata import METADATA, Source, crate_metadata
from gsf.project import Project
from gsf.provenance.chain import REPORT_RECEIPT, known_studies, study_chain
from gsf.provenance.hashing import write_atomically
from gsf.provenance.receipt import read_receipt
from gsf.provenance.results import read_cells
from gsf.provenance.verify import verify_study

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a ZIP file can hold: its bytes do not depend on when it was made


@dataclass(frozen=True)
class Crate:
    """A crate that was written."""

    path: Path
    files: int
    runs: int
    absent: int  # files that are named by their sha256 alone

    def to_text(self) -> str:
        """What it holds, for people."""
        return f"{self.path}: {self.runs} runs, {self.files} files; {self.absent} more by their sha256 alone"


def export_crate(project: Project, study: str, to: Path, *, licence: str | None = None) -> Crate:
    """Write the crate of a study's results.

    Args:
        project: the project; of data and runs nothing needs to be here.
        study: a study with committed results.
        to: a new or empty folder, or a file that ends in .zip, which is replaced.
        licence: URL of the licence of what is in the crate; default: the project's file LICENSE.

    Raises:
        ParamsError: `to` cannot be written, or no licence is known.
        ProvenanceError: the chain behind the results is broken, or they are not committed.
    """
    if find_spec("rocrate") is None:
        raise ParamsError("export-crate: needs rocrate, which is not installed: pip install 'gsf-video[exchange]'")
    packed = to.suffix == ".zip"
    if not packed and to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ParamsError(f"{to}: is there already, must be a new or an empty folder, or end in .zip")
    if study not in (known := known_studies(project)):
        raise ProvenanceError(f"{study}: is no study with results, must be one of: {', '.join(known) or 'none here'}")
    broken = verify_study(project, study).of("broken")
    if broken:
        raise ProvenanceError(
            f"results/{study}: its chain is broken at {broken[0].link} ({broken[0].what}), must hold before it is"
            f" exported: run `gsf verify {study}`"
        )
    source = Source(
        study=study,
        report=read_receipt(project.results(study) / REPORT_RECEIPT),
        chain=study_chain(project, study),
        cells=tuple(read_cells(project, study)),
        at=recorded(project, study),
        licence=licence,
    )
    files = crate_files(project, study, source.report, source.chain.receipts.values(), source.at)
    metadata, absent = crate_metadata(project, source, files)
    written = {METADATA: metadata} | {file.path: file.read() for file in files}
    (_write_zip if packed else _write_folder)(to, written)
    return Crate(to, files=len(files), runs=len(source.chain.receipts) + 1, absent=absent)


def _write_folder(to: Path, files: dict[str, bytes]) -> None:
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


def _write_zip(to: Path, files: dict[str, bytes]) -> None:
    """Write a ZIP file whose bytes follow from the files: stored, in one order, without times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[path])
    write_atomically(to, buffer.getvalue())
