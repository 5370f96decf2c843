"""Telling Snakemake that stages are up to date: new times in the order of the graph, and its notes on each job."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from gsf.errors import PipelineError
from gsf.pipeline.graph import Graph, Stage
from gsf.project import Project


def touch(project: Project, resolved: Graph, names: Collection[str]) -> tuple[str, ...]:
    """`snakemake --touch` for those of the named stages of which all that they wait for is named too; returns them.

    Snakemake then has the parameters, code and inputs of these jobs in `.snakemake/metadata`, and notices a change.
    Outputs on a file system that is read-only here, or of another user, keep the times that they have.
    """
    current: dict[str, str] = {}  # name -> one of its outputs
    for stage in resolved.topological():
        if stage.name in names and all(before.name in current for before in resolved.upstream(stage)):
            current[stage.name] = stage.outs[0].path
    jobs = [resolved.by_name[name] for name in current if not resolved.by_name[name].always_changed]
    ours = [stage for stage in jobs if all(_can_touch(project.root / out.path) for out in stage.outs)]
    if ours:
        forced = ["--forceall"] if len(ours) == len(jobs) else ["--forcerun", *(stage.outs[0].path for stage in ours)]
        targets = [current[stage.name] for stage in ours]
        foreign = [stage for stage in jobs if stage not in ours]
        _snakemake(project, ["--touch", *forced, "--cores", "1", "--quiet", "all", "--", *targets], foreign=foreign)
    return tuple(current)


def _can_touch(path: Path) -> bool:
    """Whether this process may give a file, or the mark that Snakemake leaves in a folder, a new time."""
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return False
    if path.is_dir():
        return os.access(path, os.W_OK | os.X_OK)
    return path.lstat().st_uid == os.geteuid() or os.access(path, os.W_OK)


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
