"""The files of a crate: which bytes of a project go into it, and how one finds a file by what it is."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from gsf.exchange.committed import Recorded, file_at
from gsf.exchange.signature import SIGNATURE
from gsf.project import Project
from gsf.proof.chain import REPORT_RECEIPT
from gsf.proof.results import evidence_path
from gsf.provenance.hashing import sha256_bytes, sha256_file
from gsf.provenance.receipt import Receipt

WORKFLOW, LOCK, LICENSE, README = "dvc.yaml", "requirements.lock", "LICENSE", "README.md"
_FORMATS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".lock": "text/plain",
    ".md": "text/markdown",
    ".png": "image/png",
    ".yaml": "application/yaml",
}
_README = """\
# Results of the study {study}

A Workflow Run RO-Crate (https://w3id.org/ro/wfrun/provenance): `ro-crate-metadata.json` lists every file, and every run
that led to the results.

* `results/{study}/README.md`: the tables, for people; `results.json`: the same numbers, each with its receipt.
* `results/{study}/receipts/`: one file a run, named by the sha256 of its bytes. It holds command, parameters, code and
  tools, and the sha256 of what was read and written.
* `results/{study}/evidence/`: scores and metrics behind the numbers, and the list of all videos with their sha256.

Videos, frames and weights are not here. The results were recorded in the git commit {commit}.
"""


@dataclass(frozen=True)
class CrateFile:
    """A file in the crate, at the path that it has in the project."""

    path: str
    sha256: str
    size: int  # bytes
    source: bytes | Path  # its bytes, or where they are

    @property
    def identifier(self) -> str:
        return quote(self.path)

    @property
    def format(self) -> str:
        return _FORMATS.get(PurePosixPath(self.path).suffix, "application/octet-stream")

    def read(self) -> bytes:
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()


def crate_files(
    project: Project, study: str, report: Receipt, receipts: Iterable[Receipt], at: Recorded
) -> list[CrateFile]:
    """The files of the results, and those that say how they were made, by path.

    The latter are taken from the commit of the results: the graph, the licence, and, where their bytes are the ones
    that the receipts name, the lock of the environment and parameter files that a stage read as a whole.
    """
    folder = project.results(study)
    found = {path: _on_disk(project, path) for path in report.outputs}
    for name in (REPORT_RECEIPT, SIGNATURE):
        if (folder / name).is_file():
            path = project.relative(folder / name)
            found[path] = _on_disk(project, path)
    promised = promised_files([*receipts, report])
    wanted = {path for path, _ in promised}
    for path in (WORKFLOW, LICENSE, *sorted(wanted)):
        data = file_at(project, at.commit, path)
        if data is not None and (path not in wanted or (path, sha256_bytes(data)) in promised):
            found[path] = CrateFile(path, sha256_bytes(data), len(data), data)
    data = readme(study, at.commit)
    found[README] = CrateFile(README, sha256_bytes(data), len(data), data)
    return [found[path] for path in sorted(found)]


def promised_files(receipts: Iterable[Receipt]) -> set[tuple[str, str]]:
    """Path and sha256 of files beside the results that receipts name: the lock, and parameter files read as a whole."""
    everything = list(receipts)
    inputs = (item for receipt in everything for item in receipt.inputs if item.receipt is None)
    return {(LOCK, str(receipt.content.get("environment"))) for receipt in everything} | {
        (item.path, item.sha256) for item in inputs if item.path.startswith("params/")
    }


def readme(study: str, commit: str) -> bytes:
    """The page of a crate, for people."""
    return _README.format(study=study, commit=commit).encode()


def _on_disk(project: Project, path: str) -> CrateFile:
    file = project.root / path
    return CrateFile(path, sha256_file(file), file.stat().st_size, file)


class Places:
    """Where bytes are: in the crate, or nowhere in it, and then known by their sha256 alone."""

    def __init__(self, project: Project, study: str, files: Iterable[CrateFile]) -> None:
        self._project, self._study = project, study
        self._by_path: Mapping[str, CrateFile] = {file.path: file for file in files}
        self._by_digest = {file.sha256: file for file in sorted(files, key=lambda file: file.path, reverse=True)}
        self._names: dict[str, tuple[str, set[str]]] = {}  # by identifier: sha256 and paths

    def of(self, path: str, sha256: str) -> str:
        """The identifier of a file that a stage read or wrote; remembers the path that it had there."""
        copy = evidence_path(self._project, self._study, path)
        names = [path, *([self._project.relative(copy)] if copy else [])]
        candidates = [self._by_path[name] for name in names if name in self._by_path]
        file = next((file for file in candidates if file.sha256 == sha256), self._by_digest.get(sha256))
        identifier = file.identifier if file else named_information(sha256)
        _, paths = self._names.setdefault(identifier, (sha256, set()))
        paths.add(path)
        return identifier

    def absent(self) -> Iterator[tuple[str, str, list[str]]]:
        """Identifier, sha256 and paths of everything asked for that is not in the crate."""
        for identifier, (sha256, paths) in sorted(self._names.items()):
            if identifier == named_information(sha256):
                yield identifier, sha256, sorted(paths)

    def other_names(self, file: CrateFile) -> list[str]:
        """Paths that a file of the crate had where stages read or wrote it, besides its own."""
        _, paths = self._names.get(file.identifier, ("", set()))
        return sorted(paths - {file.path})


def named_information(sha256: str) -> str:
    """The URI of bytes that are known by their sha256 alone (RFC 6920)."""
    return "ni:///sha-256;" + base64.urlsafe_b64encode(bytes.fromhex(sha256)).rstrip(b"=").decode("ascii")
