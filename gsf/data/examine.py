"""Hash and probe many videos at once, remembering what was found so that no video is read twice."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gsf.errors import DataError, VideoError
from gsf.provenance.code import code_digests
from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file, write_atomically
from gsf.video.folders import folder_facts, folder_sha256, probe_folder
from gsf.video.probe import probe


@dataclass(frozen=True)
class Finding:
    """What a video file is; the probe's facts are None where it cannot be read, and `problem` says why."""

    bytes: int
    sha256: str
    frames: int | None = None  # as the container's header says; None where it does not
    fps: str | None = None  # a fraction, "30000/1001"; None where unknown
    width: int | None = None  # px, upright
    height: int | None = None  # px, upright
    rotation: int | None = None  # degrees clockwise that bring the stored picture upright
    codec: str | None = None
    problem: str = ""


def examine_all(root: Path, names: Sequence[str], *, work: Path, title: str) -> dict[str, Finding]:
    """What is found of every named video below `root`, by name.

    `work` is a folder that survives between runs. Files that are gone, changing, or that the system cannot read are a
    DataError; videos that cannot be probed are findings with a problem, and are probed again next time.
    """
    memory = _Memory(work / "known.jsonl")
    failures: list[str] = []
    found: dict[str, Finding] = {}

    def examine(name: str) -> Finding | DataError:
        try:
            return _examine(root / name, name, memory)
        except DataError as error:
            return error

    pool = ThreadPoolExecutor(_workers())
    try:
        for name, result in zip(names, tqdm(pool.map(examine, names), title, len(names), unit="video"), strict=True):
            if isinstance(result, DataError):
                failures.append(str(result))
            else:
                found[name] = result
    finally:
        pool.shutdown(cancel_futures=True)  # of an interrupted run; nothing is left of one that ended
        memory.close()
    if failures:
        raise DataError("\n".join(failures))
    memory.keep_only(root / name for name in names)
    return found


def _examine(path: Path, name: str, memory: _Memory) -> Finding:
    try:
        before = _identity(path)
        sha256 = memory.sha256(path, before)
        if sha256 is None:
            sha256 = folder_sha256(path) if path.is_dir() else sha256_file(path)
            if _identity(path) != before:
                raise DataError(f"{path}: changed while it was hashed, must lie still; run the stage again")
            memory.remember(path, before, sha256, None)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; run `gsf scan` if it was removed") from error
    size = int(before["bytes"])
    facts = memory.facts(path, before)
    if facts is None:
        try:
            facts = _probe(path, name)
        except VideoError as error:
            return Finding(bytes=size, sha256=sha256, problem=str(error))
        memory.remember(path, before, sha256, facts)
    return Finding(bytes=size, sha256=sha256, **facts)


def _probe(path: Path, name: str) -> dict[str, Any]:
    seen = probe_folder(path, name=name) if path.is_dir() else probe(path, name=name)
    return {
        "frames": seen.frames,
        "fps": None if seen.fps is None else f"{seen.fps.numerator}/{seen.fps.denominator}",
        "width": seen.width,
        "height": seen.height,
        "rotation": seen.rotation,
        "codec": seen.codec,
    }


def _identity(path: Path) -> dict[str, int]:
    """A file counts as unchanged while these are what they were."""
    status = path.stat()
    if path.is_dir():
        facts = folder_facts(path)
        return {"bytes": facts.bytes, "mtime_ns": facts.mtime_ns, "inode": status.st_ino}
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "inode": status.st_ino}


def _workers() -> int:
    return max(2, min(16, 2 * len(os.sched_getaffinity(0)))) if hasattr(os, "sched_getaffinity") else 4


class _Memory:
    """Findings of earlier runs: a file of JSON lines, appended to at once, made compact when a run has ended.

    The sha256 of a file holds while the file is unchanged; the facts of its probe only while the probe's code and
    PyAV are the same, too.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._probe = sha256_bytes(canonical_json([code_digests("gsf.data.examine"), version("av")]))
        self._known = dict(_read(path))
        self._file = path.open("ab")
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            self._file.write(b"\n")  # the line in which the last run was interrupted

    def sha256(self, path: Path, identity: Mapping[str, int]) -> str | None:
        entry = self._entry(path, identity)
        return None if entry is None else str(entry["sha256"])

    def facts(self, path: Path, identity: Mapping[str, int]) -> dict[str, Any] | None:
        entry = self._entry(path, identity)
        return entry["facts"] if entry is not None and entry["probe"] == self._probe else None

    def remember(self, path: Path, identity: Mapping[str, int], sha256: str, facts: dict[str, Any] | None) -> None:
        """Write down what was found; one write a line, so that threads and an interruption never mix two."""
        entry = {"path": str(path), **identity, "sha256": sha256, "probe": self._probe, "facts": facts}
        self._known[str(path)] = entry
        self._file.write(canonical_json(entry))
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def keep_only(self, paths: Iterable[Path]) -> None:
        """Replace the file by one line a path."""
        lines = [canonical_json(self._known[str(path)]) for path in paths]
        write_atomically(self._path, b"".join(lines))

    def _entry(self, path: Path, identity: Mapping[str, int]) -> dict[str, Any] | None:
        entry = self._known.get(str(path))
        return entry if entry is not None and all(entry[key] == value for key, value in identity.items()) else None


def _read(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    """Entries of the file, later ones last; damaged lines are skipped: their videos are read again."""
    wanted = {"path", "bytes", "mtime_ns", "inode", "sha256", "probe", "facts"}
    if not path.is_file():
        return
    for line in path.read_bytes().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.keys() == wanted:
            yield entry["path"], entry
