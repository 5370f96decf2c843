"""Telling Snakemake that stages are up to date: new times in the order of the graph, and its notes on each job."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection

from gsf.errors import PipelineError
from gsf.pipeline.graph import Graph
from gsf.project import Project


def touch(project: Project, resolved: Graph, names: Collection[str]) -> tuple[str, ...]:
    """`snakemake --touch` for those of the named stages of which all that they wait for is named too; returns them.

    Snakemake then has the parameters, code and inputs of these jobs in `.snakemake/metadata`, and notices a change.
    """
    current: dict[str, str] = {}  # name -> one of its outputs
    for stage in resolved.topological():
        if stage.name in names and all(before.name in current for before in resolved.upstream(stage)):
            current[stage.name] = stage.outs[0].path
    targets = [path for name, path in current.items() if not resolved.by_name[name].always_changed]
    if targets:
        _snakemake(project, ["--touch", "--forceall", "--cores", "1", "--quiet", "all", "--", *targets])
    return tuple(current)


def _snakemake(project: Project, arguments: list[str]) -> None:
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
        raise PipelineError(f"snakemake --touch failed with exit code {done.returncode}, must succeed\n  {tail}")
