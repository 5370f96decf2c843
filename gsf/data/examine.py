"""Hash and probe many videos at once, remembering what was found so that no video is read twice."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gsf.errors import DataError, VideoError
from gsf.machine import usable_cores
from gsf.provenance.code import code_digests
from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file
from gsf.video.folders import folder_facts, folder_sha256, probe_folder
from gsf.video.probe import probe

_BATCH = 64  # videos handed to a thread at once: a job a video would cost more memory than what is found of it


@dataclass(frozen=True, slots=True)
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

    progress = tqdm(_in_threads(examine, names), title, len(names), unit="video", mininterval=1)
    try:
        for name, result in zip(names, progress, strict=True):
            if isinstance(result, DataError):
                failures.append(str(result))
            else:
                found[name] = result
    finally:
        progress.close()
        memory.close()
    if failures:
        raise DataError("\n".join(failures))
    memory.keep_only(root / name for name in names)
    return found


def _in_threads(examine: Callable[[str], Finding | DataError], names: Sequence[str]) -> Iterator[Finding | DataError]:
    """The findings in order. No more than a few batches wait at a time, however many names there are."""
    workers = _workers()
    size = max(1, min(_BATCH, len(names) // (4 * workers)))
    batches = (names[begin : begin + size] for begin in range(0, len(names), size))
    pool = ThreadPoolExecutor(workers)
    try:
        waiting = [pool.submit(_each, examine, batch) for batch in islice(batches, 2 * workers)]
        while waiting:
            yield from waiting.pop(0).result()
            waiting += [pool.submit(_each, examine, batch) for batch in islice(batches, 1)]
    finally:
        pool.shutdown(cancel_futures=True)  # of an interrupted run; nothing is left of one that ended


def _each(examine: Callable[[str], Finding | DataError], names: Sequence[str]) -> list[Finding | DataError]:
    return [examine(name) for name in names]


def _examine(path: Path, name: str, memory: _Memory) -> Finding:
    try:
        before = _identity(path)
        known = memory.find(path, before)
        sha256 = None if known is None else known.sha256
        if sha256 is None:
            sha256 = folder_sha256(path) if path.is_dir() else sha256_file(path)
            if _identity(path) != before:
                raise DataError(f"{path}: changed while it was hashed, must lie still; run the stage again")
            memory.remember(path, before, sha256, None)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; run `gsf scan` if it was removed") from error
    size = int(before["bytes"])
    facts = None if known is None else known.facts
    if facts is None:
        try:
            facts = _probe(path, name)
        except VideoError as error:
            return Finding(bytes=size, sha256=sha256, problem=" ".join(str(error).split()))
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
    return max(2, min(16, 2 * usable_cores()))


@dataclass(frozen=True, slots=True)
class _Known:
    """What an earlier run found of a file that has not changed; `facts` None where its probe counts no more."""

    sha256: str
    facts: dict[str, Any] | None


class _Memory:
    """Findings of earlier runs: a file of JSON lines, appended to at once, made compact when a run has ended.

    The sha256 of a file holds while the file is unchanged; the facts of its probe only while the probe's code and
    PyAV are the same, too. In memory a finding is its line, which is read when it is asked for.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._probe = sha256_bytes(canonical_json([code_digests("gsf.data.examine"), version("av")]))
        self._lines = dict(_read(path))
        self._file = path.open("ab")
        if path.stat().st_size and not _ends_a_line(path):
            self._file.write(b"\n")  # the line in which the last run was interrupted

    def find(self, path: Path, identity: Mapping[str, int]) -> _Known | None:
        """What is known of a file, if it still is what it was."""
        line = self._lines.get(str(path))
        entry = None if line is None else _entry(line)
        if entry is None or any(entry[key] != value for key, value in identity.items()):
            return None
        facts = entry["facts"] if entry["probe"] == self._probe else None
        if facts is not None:
            facts = {key: sys.intern(value) if isinstance(value, str) else value for key, value in facts.items()}
        return _Known(str(entry["sha256"]), facts)

    def remember(self, path: Path, identity: Mapping[str, int], sha256: str, facts: dict[str, Any] | None) -> None:
        """Write down what was found; one write a line, so that threads and an interruption never mix two."""
        line = canonical_json({"path": str(path), **identity, "sha256": sha256, "probe": self._probe, "facts": facts})
        self._lines[str(path)] = line
        self._file.write(line)
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def keep_only(self, paths: Iterable[Path]) -> None:
        """Replace the file by one line a path."""
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}.tmp")
        with temporary.open("wb") as file:
            file.writelines(self._lines[str(path)] for path in paths)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)


_KEYS = frozenset({"path", "bytes", "mtime_ns", "inode", "sha256", "probe", "facts"})


def _read(path: Path) -> Iterator[tuple[str, bytes]]:
    """Path and line of each entry, later ones last; damaged lines are skipped: their videos are read again."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            entry = _entry(line)
            if entry is not None:
                yield str(entry["path"]), line if line.endswith(b"\n") else line + b"\n"


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and entry.keys() == _KEYS else None


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
