"""Whether a crate is what it says: its files are as listed, its receipts close, and the metadata follow from them.

A crate is judged by itself, in a folder or a ZIP file, without the project that it came from.
"""

from __future__ import annotations

import errno
import json
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from gsf.errors import GsfError, ParamsError, ProvenanceError
from gsf.exchange.committed import Recorded
from gsf.exchange.crate_files import LICENSE, LOCK, README, CrateFile, promised_files, readme
from gsf.exchange.crate_metadata import METADATA, Source, crate_metadata
from gsf.project import Project
from gsf.proof.chain import REPORT_RECEIPT, known_studies, study_chain
from gsf.proof.content import EQUAL_REMEDY
from gsf.proof.differing import differs
from gsf.proof.findings import Finding, Verdict
from gsf.proof.results import read_cells
from gsf.proof.verify import verify_folder
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import read_receipt

# Bytes of what a ZIP file may unpack to: two thousand files of evidence (scores, metrics), of which `gsf report` takes
# none of 1 MB or more into the results. Two pictures and texts are beside them.
_MOST = 2 << 30
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What Python raises at one that is damaged.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, struct.error, OSError, ValueError, EOFError, RuntimeError)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_REMEDY = "get the crate anew, or write it anew with `gsf export-crate`"
_EMPTY = Finding("broken", METADATA, "is missing: the ZIP file holds nothing", _REMEDY)
_NOT_PROVEN = (
    "when it was recorded, and that dvc.yaml and LICENSE are those of that commit: `git show` in the project says",
    "the bytes of videos, frames and weights, which are not in a crate",
    "who made the results: a crate whose files, receipts and metadata were all rewritten agrees with itself",
)


@dataclass(frozen=True)
class _Listed:
    """What the metadata say."""

    files: Mapping[str, tuple[str, str]]  # sha256 and size in bytes by path
    at: Recorded
    licence: str | None


def check_crate(path: Path) -> Verdict:
    """Check a crate.

    Raises:
        ParamsError: `path` is neither a folder nor a ZIP file, or rocrate is not installed.
    """
    if find_spec("rocrate") is None:
        raise ParamsError("verify-crate: needs rocrate, which is not installed: pip install 'gsf-video[exchange]'")
    if path.is_dir():
        return _check(path, name=str(path), damaged=[])
    if not path.is_file():
        raise ParamsError(f"{path}: no such crate, must be a folder or a ZIP file that `gsf export-crate` wrote")
    with tempfile.TemporaryDirectory() as folder:
        damaged = list(_unpack(path, Path(folder)))
        if not any(Path(folder).iterdir()):
            return Verdict(str(path), True, {}, tuple(damaged) or (_EMPTY,), _NOT_PROVEN)
        return _check(Path(folder), name=str(path), damaged=damaged)


def _unpack(path: Path, to: Path) -> Iterator[Finding]:
    """Unpack a ZIP file; a finding names each entry that cannot be."""
    try:
        archive = zipfile.ZipFile(path)
    except _UNREADABLE as error:
        yield Finding("broken", path.name, f"is no whole ZIP file: {error}", _REMEDY)
        return
    with archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        if (size := sum(entry.file_size for entry in entries)) > _MOST:
            raise ParamsError(f"{path}: unpacks to {size} bytes, must be at most {_MOST}")
        for entry in entries:
            place = PurePosixPath(entry.filename)
            if place.is_absolute() or ".." in place.parts or "\\" in entry.filename:
                yield Finding("broken", entry.filename, "lies outside of the crate, must lie in it", _REMEDY)
                continue
            if entry.compress_type not in _METHODS:
                what = f"cannot be unpacked: compressed by method {entry.compress_type}, must be stored or deflated"
                yield Finding("broken", entry.filename, what, _REMEDY)
                continue
            try:
                _unpack_entry(archive, entry, to / place)
            except _UNREADABLE as error:
                if isinstance(error, OSError) and error.errno in _NO_ROOM:
                    raise  # the crate is not at fault
                yield Finding("broken", entry.filename, f"cannot be unpacked: {error}", _REMEDY)


def _unpack_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, to: Path) -> None:
    """Write an entry piece by piece; nothing of one that is damaged stays."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, to.open("wb") as target:
        try:
            shutil.copyfileobj(source, target)
        except BaseException:
            to.unlink()
            raise


def _check(root: Path, *, name: str, damaged: list[Finding]) -> Verdict:
    project, checked, findings = Project(root), {"files": 0}, list(damaged)
    here = {file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()} - {METADATA}
    try:
        listed = _read_metadata(root / METADATA)
        findings += _check_files(project, listed, here, checked)
    except ProvenanceError as error:
        listed = None
        findings.append(Finding("broken", METADATA, str(error), _REMEDY))
    studies = known_studies(project)
    if len(studies) != 1:
        what = f"holds the results of {', '.join(studies) or 'no study'}, must hold those of one"
        findings.append(Finding("broken", "results", what, _REMEDY))
    else:
        report = f"results/{studies[0]}/{REPORT_RECEIPT}"
        digest = listed.files.get(report, (None,))[0] if listed else None
        verdict = verify_folder(project, studies[0], report_digest=digest)
        checked |= verdict.checked
        findings += verdict.findings
    if listed is not None and not any(item.kind in ("broken", "equal") for item in findings):
        findings += _check_metadata(project, studies[0], listed)
    named = _once(replace(item, remedy=_REMEDY) if item.kind == "broken" else item for item in findings)
    return Verdict(name, True, checked, tuple(named), _NOT_PROVEN)


def _once(findings: Iterator[Finding]) -> list[Finding]:
    """A file that was cut out by the ZIP file is missing in its folder too: what was found first is said."""
    found = list(dict.fromkeys(findings))
    unpacked = {item.link for item in found if item.what.startswith("cannot be unpacked")}
    return [item for item in found if item.link not in unpacked or item.what.startswith("cannot be unpacked")]


def _read_metadata(path: Path) -> _Listed:
    """What a metadata file says; ProvenanceError where it is not one."""
    try:
        graph = {entity["@id"]: entity for entity in json.loads(path.read_bytes())["@graph"]}
        files = {
            unquote(name): (str(entity["sha256"]), str(entity["contentSize"]))
            for name, entity in graph.items()
            if "File" in _list(entity["@type"])
        }
        root = graph["./"]
        licence = str(root["license"]["@id"])
        at = Recorded(commit=str(root["version"]), time=str(root["datePublished"]))
    except FileNotFoundError:
        raise ProvenanceError("is missing, must be there: it says what the crate holds") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProvenanceError(f"is cut or damaged, must be the metadata of a crate: {error!r}") from None
    return _Listed(files=files, at=at, licence=None if licence == LICENSE else licence)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _check_files(project: Project, listed: _Listed, here: set[str], checked: dict[str, int]) -> Iterator[Finding]:
    """Every listed file is here with its bytes, and no other; the metadata are at fault where receipts say so."""
    root, vouched = project.root, _vouched(project)
    for path in sorted(here - listed.files.keys()):
        yield Finding("broken", path, f"is not listed in {METADATA}", _REMEDY)
    for path, (promised, size) in sorted(listed.files.items()):
        file = root / path
        if path not in here:
            yield Finding("broken", path, "is missing", _REMEDY)
            continue
        checked["files"] += 1
        found = sha256_file(file)
        if found != promised and (path, found) in vouched:
            what = f"says that {path} has sha256 {promised[:12]}, the receipts and the file say {found[:12]}"
            yield Finding("broken", METADATA, what, _REMEDY)
        elif found != promised:
            what = f"has sha256 {found[:12]}, {METADATA} says {promised[:12]}"
            yield differs(file, path, promised, link=path, what=what, remedy=_REMEDY)
        elif str(file.stat().st_size) != size:
            yield Finding("broken", METADATA, f"says that {path} has {size} bytes", _REMEDY)


def _vouched(project: Project) -> set[tuple[str, str]]:
    """Path and sha256 of files that the receipts in a crate name, as far as these can be read."""
    found: set[tuple[str, str]] = set()
    for study in known_studies(project):
        chain = study_chain(project, study)
        report = chain.add(project, project.results(study) / REPORT_RECEIPT)
        found |= set(report.outputs.items()) if report else set()
        found |= promised_files(chain.receipts.values())
    return found


def _check_metadata(project: Project, study: str, listed: _Listed) -> Iterator[Finding]:
    """The metadata, and the files that no receipt of the results lists, are those that follow from the receipts."""
    report, chain = read_receipt(project.results(study) / REPORT_RECEIPT), study_chain(project, study)
    files = [
        CrateFile(path, sha256, (project.root / path).stat().st_size, project.root / path)
        for path, (sha256, _) in sorted(listed.files.items())
    ]
    promised = promised_files([*chain.receipts.values(), report])
    for file in files:
        if (file.path == LOCK or file.path.startswith("params/")) and (file.path, file.sha256) not in promised:
            yield Finding("broken", file.path, "is not what any run read", _REMEDY)
        if file.path == README and file.read() != readme(study, listed.at.commit):
            yield Finding("broken", file.path, "is not the page of this crate", _REMEDY)
    cells = tuple(read_cells(project, study))
    source = Source(study=study, report=report, chain=chain, cells=cells, at=listed.at, licence=listed.licence)
    try:
        wanted, _ = crate_metadata(project, source, files)
    except GsfError as error:
        yield Finding("broken", METADATA, str(error), _REMEDY)
        return
    found = (project.root / METADATA).read_bytes()
    if found == wanted:
        return
    others = _other_entities(json.loads(found), json.loads(wanted))
    if not others:
        yield Finding("equal", METADATA, "holds the same JSON in another layout", EQUAL_REMEDY)
        return
    shown = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    yield Finding("broken", METADATA, f"does not follow from the receipts at {shown}", _REMEDY)


def _other_entities(found: Any, wanted: Any) -> list[str]:
    """Identifiers of the entities in which two metadata differ; `@context` for what stands around them."""
    graphs = [{str(entity["@id"]): entity for entity in content["@graph"]} for content in (found, wanted)]
    others = sorted(name for name in graphs[0].keys() | graphs[1].keys() if graphs[0].get(name) != graphs[1].get(name))
    around = {key: value for key, value in found.items() if key != "@graph"}
    same = around == {key: value for key, value in wanted.items() if key != "@graph"}
    return others if same and len(found["@graph"]) == len(wanted["@graph"]) else ["@context", *others]
