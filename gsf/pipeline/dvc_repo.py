"""Opening the project's DVC repository, and what is asked of it there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import chdir, contextmanager
from typing import Any

from gsf.errors import PipelineError
from gsf.project import Project


@contextmanager
def opened(project: Project, *, purpose: str) -> Iterator[Any]:
    """DVC's `Repo`, in the project's folder: DVC resolves some paths against the current one.

    DVC's own errors leave as PipelineError.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with chdir(project.root), Repo(str(project.root)) as repo:
            yield repo
    except DvcException as error:
        raise PipelineError(f"dvc.yaml: DVC cannot {purpose}: {error}") from error


@contextmanager
def locked(repo: Any) -> Iterator[None]:
    """DVC's lock on its repository: no other DVC changes it meanwhile, and it is read anew."""
    from dvc.repo import lock_repo

    with lock_repo(repo):
        yield


def pipeline_stages(repo: Any) -> list[Any]:
    """The stages of the project's dvc.yaml.

    A repository may hold more: files that `dvc add` tracks, and the stages of a dvc.yaml in a folder.
    """
    from dvc.stage import PipelineStage

    return [
        stage for stage in repo.index.stages if isinstance(stage, PipelineStage) and stage.path_in_repo == "dvc.yaml"
    ]


def changed(repo: Any) -> set[str]:
    """The stages of which DVC finds an input, a parameter, the command or an output changed, or lacks an output."""
    status = repo.status()
    return {name for name, reasons in status.items() if any(reason != "always changed" for reason in reasons)}


def bring_back(project: Project, name: str) -> bool:
    """Put an output of the project that is gone where it was, if it is recorded and in DVC's cache; whether it is."""
    if not (project.root / "dvc.lock").is_file():
        return False  # nothing was ever recorded
    with opened(project, purpose=f"bring back {name}") as repo:
        for stage in pipeline_stages(repo):
            for out in stage.outs:
                if out.def_path == name and not out.changed_cache():
                    out.checkout()
                    return True
    return False
