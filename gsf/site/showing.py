"""Whose frames may be shown: of benchmarks that the pipeline renders, in git; of others, outside of it only."""

from __future__ import annotations

from pathlib import Path

from gsf.errors import ParamsError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.proof.drawn import FRAMES, GATES, Kind, listed_pictures
from gsf.proof.results import read_cells
from gsf.provenance.hashing import sha256_file


def benchmarks_of(project: Project, study: str) -> list[str]:
    """The benchmarks of a study with results, in the order of its table."""
    return list(dict.fromkeys(cell.benchmark for cell in read_cells(project, study)))


def may_show(project: Project, benchmark: str) -> bool:
    """Whether its videos are drawn by the pipeline itself, so that no terms of others hold for them."""
    return load(Benchmark, project.params_file("benchmarks", benchmark)).render is not None


def drawn_before(folder: Path, kind: Kind, *, own: bool) -> set[str]:
    """Names of the pictures that an earlier run left in a folder.

    Args:
        folder: of one benchmark or network.
        kind: what they show.
        own: the folder is of a study's results, where no other picture may lie; in one of the user's it is what the
            index there lists, as far as that is as it was drawn.
    """
    index, ending = (FRAMES, ".webp") if kind == "frames" else (GATES, ".png")
    if own:
        return {path.name for path in folder.glob(f"*{ending}")}
    listed = listed_pictures(folder / index, kind)
    return {name for name in listed if (folder / name).is_file() and sha256_file(folder / name) == listed[name]}


def picture_folder(project: Project, study: str, kind: Kind, benchmark: str, *, to: Path | None) -> Path:
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
