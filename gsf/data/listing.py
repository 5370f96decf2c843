"""What lies in a benchmark's folder of videos: path, bytes and modification time, rewritten only when that changed.

The folder itself is never a dependency of a stage: hashing it takes hours at 450 GB, and an added file would be missed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from gsf.data.ids import check_relative_path
from gsf.errors import DataError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.provenance.hashing import write_atomically
from gsf.store.tables import table_bytes

COLUMNS = ("path", "bytes", "mtime_ns")
# Other files may lie beside the videos (annotations, notes).
SUFFIXES = frozenset(
    f".{name}"
    for name in "mp4 m4v mov avi mkv webm mpg mpeg ts m2ts 3gp flv wmv asf ogv ogg mxf gif vob dv".split()  # noqa: SIM905
)


def run(project: Project, benchmark: str) -> bool:
    """List the videos of a benchmark; True where the listing changed."""
    params = load(Benchmark, project.params_file("benchmarks", benchmark))
    folder = project.root / params.videos
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder, must hold the videos of {benchmark};"
            f" say where they are in params/benchmarks/{benchmark}.yaml: videos"
        )
    data = table_bytes(COLUMNS, sorted(_files(folder, folder), key=lambda row: row[0].encode("utf-8")))
    target = project.listing(benchmark)
    if target.is_file() and target.read_bytes() == data:
        return False
    write_atomically(target, data)
    return True


def _files(folder: Path, root: Path) -> Iterator[tuple[str, int, int]]:
    """Videos below `folder`; links to files count, links to folders are not followed (they may run in circles)."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path), root)
            elif Path(entry.name).suffix.lower() in SUFFIXES and entry.is_file():
                stat = entry.stat()
                path = Path(entry.path).relative_to(root).as_posix()
                yield check_relative_path(path, where=str(root)), stat.st_size, stat.st_mtime_ns
