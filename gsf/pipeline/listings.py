"""Listing the folders of videos that lie outside the project, for Snakemake, which has no job for that."""

from __future__ import annotations

from gsf.pipeline.study import read_plan
from gsf.project import Project


def refresh_listings(project: Project) -> None:
    """List the folders of videos that lie outside; a listing is rewritten only where its folder changed."""
    scanned = read_plan(project).scanned
    if scanned:
        from gsf.data import listing

        for benchmark in scanned:
            listing.run(project, benchmark)
