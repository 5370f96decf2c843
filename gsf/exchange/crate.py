"""A study's results as a Workflow Run RO-Crate, in a folder or a ZIP file, from what git has."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from gsf.errors import ParamsError, ProvenanceError
from gsf.exchange.committed import recorded
from gsf.exchange.crate_files import crate_files
from gsf.exchange.crate_metadata import METADATA, Source, crate_metadata
from gsf.exchange.writing import check_new_folder, write_folder, write_zip
from gsf.project import Project
from gsf.proof.chain import REPORT_RECEIPT, known_studies, study_chain
from gsf.proof.results import read_cells
from gsf.proof.verify import verify_study
from gsf.provenance.receipt import read_receipt


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
    if not packed:
        check_new_folder(to)
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
    (write_zip if packed else write_folder)(to, written)
    return Crate(to, files=len(files), runs=len(source.chain.receipts) + 1, absent=absent)
