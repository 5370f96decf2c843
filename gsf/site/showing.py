"""Whose frames may be shown: of benchmarks that the pipeline renders, in git; of others, outside of it only."""

from __future__ import annotations

from pathlib import Path

from gsf.errors import ParamsError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.proof.results import read_cells


def benchmarks_of(project: Project, study: str) -> list[str]:
    """The benchmarks of a study with results, in the order of its table."""
    return list(dict.fromkeys(cell.benchmark for cell in read_cells(project, study)))


def may_show(project: Project, benchmark: str) -> bool:
    """Whether its videos are drawn by the pipeline itself, so that no terms of others hold for them."""
    return load(Benchmark, project.params_file("benchmarks", benchmark)).render is not None


def picture_folder(project: Project, study: str, kind: str, benchmark: str, *, to: Path | None) -> Path:
    """Where pictures of a benchmark's frames go.

    Args:
        project: the project.
        study: that the pictures belong to.
        kind: name of the folder: frames or gates.
        benchmark: whose frames they show.
        to: a folder of the user's; None for the results of the study, which git has.

    Raises:
        ParamsError: frames of videos that are not rendered here would get into the project.
    """
    folder = project.results(study) / kind if to is None else Path.cwd() / to
    if may_show(project, benchmark):
        return folder
    if to is None or folder.resolve().is_relative_to(project.root.resolve()):
        raise ParamsError(
            f"{benchmark}: its videos are not rendered by the pipeline, so pictures of them must not get into the"
            " project and its git: they have terms of their own; say --to with a folder outside of it"
        )
    return folder
