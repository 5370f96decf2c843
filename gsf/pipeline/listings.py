"""Listing the folders of videos that lie outside the project: the stage scan, and the start of Snakemake and of sync.

Who pulled what the stages wrote needs no videos, so that their folder may be absent, or the empty place of a disk that
is not mounted. The listing that is here then stays as it is, and no stage runs because of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.pipeline import dvc_repo
from gsf.pipeline.study import read_plan
from gsf.project import Project


def refresh_listings(project: Project) -> None:
    """List the folders of videos of the active study, for Snakemake, which has no job for that."""
    for benchmark in read_plan(project).scanned:
        list_videos(project, benchmark)


def list_videos(project: Project, benchmark: str) -> bool:
    """Write the listing of a benchmark's folder of videos; returns whether it changed, else it is left alone.

    Where there is no folder, or nothing in it, an earlier listing of videos is kept, and stderr says so. Without one no
    folder is a DataError.
    """
    from gsf.data import listing

    params = load(Benchmark, project.params_file("benchmarks", benchmark))
    folder = project.root / params.videos
    away = _away(folder)
    if params.render is not None or away is None or not _lists_videos(project, benchmark):
        return listing.run(project, benchmark)
    print(
        f"{folder}: is {away}, must hold the videos of {benchmark}; its listing is kept, and a stage that has to"
        f" read videos will stop: put them there, or set `videos` in params/benchmarks/{benchmark}.yaml",
        file=sys.stderr,
    )
    return False


def _away(folder: Path) -> str | None:
    """How a folder is said to hold nothing; None where it holds something, or cannot be looked into."""
    try:
        return None if any(folder.iterdir()) else "empty"
    except FileNotFoundError:
        return "not there"
    except OSError:
        return None  # the scan says what is wrong


def _lists_videos(project: Project, benchmark: str) -> bool:
    """Whether an earlier listing has any; `dvc repro` has removed it by the time it runs the stage."""
    from gsf.data.listing import read_listing

    known = project.listing(benchmark)
    there = known.is_file() or dvc_repo.bring_back(project, project.relative(known))
    return there and bool(read_listing(known))
