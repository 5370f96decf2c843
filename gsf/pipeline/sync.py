"""`gsf sync`: after `dvc repro` or `dvc pull`, let Snakemake agree with DVC on what is up to date.

Snakemake knows a job by the times of its files and by its notes in `.snakemake/metadata`; DVC and git give files new
times, and a fresh clone has no notes. What DVC finds up to date is touched in the order of the graph, which also writes
the notes. Of what DVC finds stale, the receipt is removed, so that Snakemake runs it again even where times look fine:
it tells of outputs that are to be replaced, and DVC still has it if it was ever recorded.
"""

from __future__ import annotations

from dataclasses import dataclass

from gsf.errors import PipelineError
from gsf.pipeline import dvc_repo, graph
from gsf.pipeline.checks import Checker
from gsf.pipeline.graph import Graph
from gsf.pipeline.listings import refresh_listings
from gsf.pipeline.touch import touch
from gsf.project import Project


@dataclass(frozen=True)
class Synced:
    """Names of the stages that both call up to date, and of those that both will run."""

    current: tuple[str, ...]
    stale: tuple[str, ...]

    def __str__(self) -> str:
        known = f"both runners call {len(self.current)} stages up to date"
        return "\n  ".join([f"{known}; {len(self.stale)} are to be run:", *self.stale]) if self.stale else known


def sync(project: Project) -> Synced:
    """Make a following `snakemake -n` say what `dvc status` says.

    Raises PipelineError where a stage was run by Snakemake and not recorded yet: `gsf record` comes first.
    """
    refresh_listings(project)
    resolved = graph.load(project)
    changed = _changed(project)
    checker = Checker(project, resolved)
    _refuse_unrecorded(checker, resolved, changed)
    for stage in resolved.stages:
        if stage.name in changed and stage.receipt is not None and not checker.missing(stage):
            if any(checker.missing(before) for before in resolved.upstream(stage)):
                continue  # Snakemake makes those, and this after them; in a clone it is what git or a pull brought
            (project.root / stage.receipt).unlink(missing_ok=True)
    current = touch(project, resolved, [stage.name for stage in resolved.stages if stage.name not in changed])
    stale = tuple(stage.name for stage in resolved.stages if stage.name not in current)
    return Synced(current=current, stale=stale)


def _changed(project: Project) -> set[str]:
    with dvc_repo.opened(project, purpose="tell the status of its stages") as repo:
        return dvc_repo.changed(repo)


def _refuse_unrecorded(checker: Checker, resolved: Graph, changed: set[str]) -> None:
    """A stage that holds, but that DVC does not know, would be run again for nothing."""
    unrecorded = [
        stage.name
        for stage in resolved.stages
        if stage.name in changed and stage.receipt is not None and checker.agrees(stage)
    ]
    if unrecorded:
        raise PipelineError(
            f"{', '.join(unrecorded)}: complete, but DVC does not know, must be recorded first; run `gsf record`"
        )
