"""Outputs that Snakemake may replace.

DVC makes the files that it links into the work folder read-only, since they are those of its cache. Snakemake takes
that for a wish of the user's and refuses to touch or replace them. Nothing here writes into an output: stages put new
files in their place, so the cache stays what it was. (DVC hashes a file of its cache again when it meets it writable.)
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from gsf.pipeline.graph import Graph
from gsf.project import Project


def make_writable(project: Project, resolved: Graph) -> None:
    """Give the owner back the right to write to outputs; those of another user stay as they are."""
    for stage in resolved.stages:
        for out in stage.outs:
            for path in _files(project.root / out.path):
                if not os.access(path, os.W_OK):
                    with contextlib.suppress(OSError):  # another user's, or a read-only file system
                        path.chmod(path.stat().st_mode | stat.S_IWUSR)


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file())
    elif path.is_file():
        yield path
