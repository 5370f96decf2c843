"""`gsf sync`: after `dvc repro` or `dvc pull`, let Snakemake agree with DVC on what is up to date.

Snakemake knows a job by the times of its files and by its notes in `.snakemake/metadata`; DVC and git give files new
times, and a fresh clone has no notes. What DVC finds up to date is touched in the order of the graph, which also writes
the notes. Of what DVC finds stale, the receipt is removed, so that Snakemake runs it again even where times look fine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from gsf.errors import PipelineError
from gsf.pipeline import dvc_repo, graph
from gsf.pipeline.graph import Graph, Stage
from gsf.pipeline.record import Checker
from gsf.pipeline.rules import refresh_listings
from gsf.project import Project


@dataclass(frozen=True)
class Synced:
    """Names of the stages that both call up to date, and of those that both will run."""

    current: tuple[str, ...]
    stale: tuple[str, ...]


def run(project: Project) -> Synced:
    """Make a following `snakemake -n` say what `dvc status` says.

    Raises PipelineError where a stage was run by Snakemake and not recorded yet: `gsf record` comes first.
    """
    refresh_listings(project)
    resolved = graph.load(project)
    changed = _changed(project)
    _refuse_unrecorded(project, resolved, changed)
    current: dict[str, Stage] = {}
    for stage in resolved.topological():
        if stage.name not in changed and all(before.name in current for before in resolved.upstream(stage)):
            current[stage.name] = stage
    for stage in resolved.stages:
        if stage.name in changed and stage.receipt is not None:
            (project.root / stage.receipt).unlink(missing_ok=True)
    _touch(project, [stage.outs[0].path for stage in current.values() if not stage.always_changed])
    stale = tuple(stage.name for stage in resolved.stages if stage.name not in current)
    return Synced(current=tuple(current), stale=stale)


def _changed(project: Project) -> set[str]:
    """The stages of which DVC finds a dependency, a parameter, the command or an output changed."""
    with dvc_repo.opened(project, purpose="tell the status of its stages") as repo:
        status = repo.status()
    return {name for name, reasons in status.items() if any(reason != "always changed" for reason in reasons)}


def _refuse_unrecorded(project: Project, resolved: Graph, changed: set[str]) -> None:
    """A stage that holds, but that DVC does not know, would be run again for nothing."""
    checker = Checker(project, resolved)
    unrecorded = [
        stage.name
        for stage in resolved.stages
        if stage.name in changed and stage.receipt is not None and checker.agrees(stage)
    ]
    if unrecorded:
        raise PipelineError(
            f"{', '.join(unrecorded)}: complete, but DVC does not know, must be recorded first; run `gsf record`"
        )


def _touch(project: Project, targets: list[str]) -> None:
    """`snakemake --touch` for the jobs that write the targets and all that these wait for."""
    if not targets:
        return
    command = [sys.executable, "-m", "snakemake", "--touch", "--forceall", "--cores", "1", "--quiet", "all", "--"]
    done = subprocess.run(
        [*command, *targets],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n  ".join(done.stderr.strip().splitlines()[-15:])
        raise PipelineError(f"snakemake --touch failed with exit code {done.returncode}, must succeed\n  {tail}")
