"""Hundreds of checks of one project in little time: what did not change between two of them is read once.

Most of a check's time goes into parsing YAML, hashing the code and asking git. All are remembered by the bytes, or by
the time and size, of the files that they depend on, so that a damaged one is read anew.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gsf.params.base import read_yaml
from gsf.project import Project
from gsf.proof import deep, engine, git, links, stale, weights
from gsf.provenance.hashing import sha256_file


def remember(patch: pytest.MonkeyPatch) -> None:
    """Let the checks of a project in which nothing is committed any more remember what they read."""
    for module in (stale, weights, deep):
        patch.setattr(module, "read_yaml", _by_bytes(read_yaml, lambda path: path))
    patch.setattr(stale, "_declared_keys", _by_bytes(stale._declared_keys, lambda project: project.root / "dvc.yaml"))
    lock = _by_bytes(engine._receipts_in_lock, lambda project: project.root / "dvc.lock")
    patch.setattr(engine, "_receipts_in_lock", lock)
    patch.setattr(stale, "sha256_file", _by_time(sha256_file))
    tracked: dict[object, set[str] | None] = {}
    ask, changed = git.tracked_files, git.changed_files

    def tracked_files(project: Project, paths: Sequence[str]) -> set[str] | None:
        key = tuple(paths)
        if key not in tracked:
            tracked[key] = ask(project, paths)
        return tracked[key]

    known: dict[object, list[str] | None] = {}

    def changed_files(project: Project, folder: str) -> list[str] | None:
        files = sorted(path for path in (project.root / folder).rglob("*") if path.is_file())
        key = tuple((path, *_state(path)) for path in files)
        if key not in known:
            known[key] = changed(project, folder)
        return known[key]

    patch.setattr(links, "tracked_files", tracked_files)
    patch.setattr(engine, "changed_files", changed_files)


def _state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def _by_bytes(read: Callable[[Any], Any], place: Callable[[Any], Path]) -> Callable[[Any], Any]:
    known: dict[tuple[Path, bytes], Any] = {}

    def reader(argument: Any) -> Any:
        path = place(argument)
        if not path.is_file():
            return read(argument)
        key = (path, path.read_bytes())
        if key not in known:
            known[key] = read(argument)
        return copy.deepcopy(known[key])

    return reader


def _by_time(read: Callable[[Path], str]) -> Callable[[Path], str]:
    known: dict[tuple[Path, int, int], str] = {}

    def reader(path: Path) -> str:
        key = (path, *_state(path))
        if key not in known:
            known[key] = read(path)
        return known[key]

    return reader
