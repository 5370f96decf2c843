"""Telling Snakemake that stages are up to date: new times in the order of the graph, and its notes on each job.

A file with a new time is hashed again by whoever remembers its digest by time, and a shard holds gigabytes. So what was
told before and is still as it was then keeps its times.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from gsf.errors import PipelineError
from gsf.pipeline.graph import Graph, Stage
from gsf.project import Project
from gsf.provenance.hashing import canonical_json, sha256_file, write_atomically

# Beside Snakemake's notes: whoever deletes those deletes this.
TOLD = ".snakemake/gsf-touched.json"
SMALL = 1_000_000  # bytes up to which Snakemake compares contents instead of times (its --max-checksum-file-size)
DIRECTORY_TIME = ".snakemake_timestamp"  # Snakemake's own, in folders that are outputs

_QUIETLY = ("--touch", "--cores", "1", "--quiet", "all")


def touch(project: Project, resolved: Graph, names: Collection[str]) -> tuple[str, ...]:
    """`snakemake --touch` for those of the named stages of which all that they wait for is named too; returns them.

    Snakemake then has the parameters, code and inputs of these jobs in `.snakemake/metadata`, and notices a change.
    Outputs on a file system that is read-only here, or of another user, keep the times that they have.
    """
    current: list[Stage] = []
    for stage in resolved.topological():
        if stage.name in names and all(before in current for before in resolved.upstream(stage)):
            current.append(stage)
    jobs = [stage for stage in current if not stage.always_changed]
    foreign = [stage for stage in jobs if not all(_can_touch(project.root / out.path) for out in stage.outs)]
    jobs = [stage for stage in jobs if stage not in foreign]
    told = _read(project.root / TOLD)
    new = [stage for stage in jobs if not stage.key or told.get(stage.name) != _state(project, resolved, stage)]
    if jobs:
        forced = ["--forcerun", *(stage.outs[0].path for stage in new)] if new else []
        _snakemake(project, [*_QUIETLY, *forced, "--", *(stage.outs[0].path for stage in jobs)], foreign=foreign)
        states = {stage.name: _state(project, resolved, stage) for stage in jobs}
        write_atomically(project.root / TOLD, canonical_json({**told, **states}))
    return tuple(stage.name for stage in current)


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}  # none yet, or damaged: everything is told again
    return told if isinstance(told, dict) else {}


def _state(project: Project, resolved: Graph, stage: Stage) -> Any:
    """What Snakemake's notes on a job rest on; parameters and code are left out, which it compares itself.

    The time of the log tells whether Snakemake itself has run the job since. (The report, a stage without a key, has
    another log; it is small and always told again.)
    """
    root = project.root
    parts = resolved.parts(stage)
    inputs = [path for path in resolved.inputs(stage) if path not in parts.values()] + list(parts)
    log = project.work("logs", stage.group, f"{stage.key}.log")
    return {
        "inputs": {path: _content(root / path) for path in sorted(inputs)},
        "outputs": {out.path: _place(root / out.path) for out in stage.outs},
        "log": _place(log),
    }


def _content(path: Path) -> Any:
    """What Snakemake goes by where an input is newer than the outputs: content if it is small, else the time."""
    small = path.is_file() and path.stat().st_size <= SMALL
    return sha256_file(path) if small else _place(path)


def _place(path: Path) -> Any:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    inner = [_place(path / DIRECTORY_TIME)] if path.is_dir() else []
    return [stat.st_ino, stat.st_size, stat.st_mtime_ns, *inner]


def _can_touch(path: Path) -> bool:
    """Whether this process may give a file or a link, or the mark that Snakemake leaves in a folder, a new time."""
    if not path.exists():
        return True  # Snakemake names what is missing
    if os.statvfs(path.parent).f_flag & os.ST_RDONLY:
        return False
    if path.is_dir() and not path.is_symlink():
        return os.access(path, os.W_OK | os.X_OK)
    return path.lstat().st_uid == os.geteuid() or (not path.is_symlink() and os.access(path, os.W_OK))


def _snakemake(project: Project, arguments: list[str], *, foreign: Collection[Stage]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n  ".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        why = f"snakemake --touch failed with exit code {done.returncode}, must succeed"
        if foreign:
            names = ", ".join(stage.name for stage in foreign)
            why += f"; outputs of {names} cannot be written here: let their owner run `gsf sync` where they can be"
        raise PipelineError(f"{why}\n  {tail}")
