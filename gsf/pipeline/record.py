"""`gsf record`: tell DVC what Snakemake did, after checking that it is what the graph asks for.

`dvc commit -f` accepts whatever lies in the work folder. So every receipt is first held against the resolved stage, and
against the files, parameters and code as they are now.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from gsf.errors import PipelineError
from gsf.pipeline import dvc_repo, graph
from gsf.pipeline.checks import Checker
from gsf.pipeline.touch import touch
from gsf.project import Project


@dataclass(frozen=True)
class Recorded:
    """Names of the stages that DVC now knows, and of those that are not complete."""

    complete: tuple[str, ...]
    incomplete: tuple[str, ...]

    def __str__(self) -> str:
        known = f"DVC now knows {len(self.complete)} stages, as their receipts have them"
        if not self.incomplete:
            return known
        return "\n  ".join([f"{known}; {len(self.incomplete)} are not complete:", *self.incomplete])


def record(project: Project) -> Recorded:
    """Check every stage, then commit the complete ones to DVC; both runners then agree.

    Raises PipelineError, which names every stage whose receipt disagrees and what disagrees; DVC is not touched then.
    """
    resolved = graph.load(project)
    checker = Checker(project, resolved)
    complete: list[str] = []
    incomplete: list[str] = []
    wrong: list[str] = []
    for stage in resolved.topological():
        missing = checker.missing(stage)
        found = [] if missing else list(checker.disagreements(stage))
        wrong += [f"{stage.name}: {line}" for line in found]
        (incomplete if missing else complete).append(stage.name)
    if wrong:
        lines = "\n  ".join(wrong)
        raise PipelineError(
            f"{len(wrong)} disagreement{'s' * (len(wrong) > 1)} between receipts and the graph, there must be none;"
            f" run `snakemake --cores` again, then `gsf record`\n  {lines}"
        )
    commit(project, complete)
    touch(project, resolved, complete)  # DVC has replaced files by links to its cache, with new times
    return Recorded(complete=tuple(complete), incomplete=tuple(incomplete))


def commit(project: Project, names: Collection[str]) -> None:
    """Give to DVC those of the named stages that it finds changed, and write dvc.lock once for all of them.

    `dvc commit` takes one stage or all. One at a time resolves the graph and writes dvc.lock anew for every stage.
    """
    with dvc_repo.opened(project, purpose="commit the outputs of its stages") as repo, dvc_repo.locked(repo):
        new = dvc_repo.changed(repo).intersection(names)
        stages = [stage for stage in dvc_repo.pipeline_stages(repo) if stage.name in new]
        for stage in stages:
            stage.save()
            stage.commit()
        if stages:
            stages[0].dvcfile.dump_stages(stages, update_pipeline=False)
