"""The scan stage: which video files lie in a benchmark's folder.

The listing changes only when the folder does, so that the stages behind it can depend on it instead of on hundreds of
gigabytes. It stays out of receipts: the inventory's sha256 of each video says what the listing only hints at.

A file counts as a video by its suffix (`SUFFIXES`), or, where `source` is `jpeg_folders`, a folder by its files. Names
that begin with a dot are left out, and names that are not UTF-8, since no annotation can hold them. Symbolic links to
files and folders are followed, wherever they lead: folders of links are how people (and DVC) keep subsets of large
data.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from gsf.errors import DataError, ParamsError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.provenance.hashing import write_atomically
from gsf.tables import read_columns, table_bytes
from gsf.video.folders import is_file, is_folder, scan_folders

COLUMNS = ("path", "bytes", "mtime_ns")
SUFFIXES = frozenset(
    {
        ".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4",
        ".mpeg", ".mpg", ".mts", ".ogg", ".ogv", ".ts", ".webm", ".wmv", ".y4m",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listed:
    """One video file: its path below the folder, its size and its modification time."""

    path: str
    bytes: int
    mtime_ns: int


def run(project: Project, benchmark: str) -> bool:
    """Write the listing of a benchmark's folder of videos; returns whether it changed, else it is left alone."""
    params = load(Benchmark, project.params_file("benchmarks", benchmark))
    if params.render is not None:
        raise ParamsError(
            f"params/benchmarks/{benchmark}.yaml: has `render`, must not have it for a folder to be scanned;"
            f" its videos are listed by `gsf render {benchmark}`"
        )
    target = project.listing(benchmark)
    root = videos_folder(project, params)
    listed = scan(root, folders=params.source == "jpeg_folders", leave_out_odd=True)
    data = table_bytes(COLUMNS, [(item.path, item.bytes, item.mtime_ns) for item in listed])
    if target.is_file() and target.read_bytes() == data:
        return False
    write_atomically(target, data)
    return True


def videos_folder(project: Project, params: Benchmark) -> Path:
    """The folder of a benchmark's videos, absolute; DataError where there is none."""
    root = project.root / params.videos
    if not root.is_dir():
        raise DataError(
            f"{root}: is not a folder, must hold the videos of {params.name};"
            f" set `videos` in params/benchmarks/{params.name}.yaml"
        )
    return root


def scan(root: Path, *, folders: bool = False, leave_out_odd: bool = False) -> list[Listed]:
    """Every video file below `root`, or every folder of pictures, in the order of the paths' UTF-8 bytes.

    Names that are not UTF-8 are a DataError, or are named on stderr and left out.
    """
    found: list[Listed] = []
    try:
        if folders:
            found += (Listed(item.path, item.bytes, item.mtime_ns) for item in scan_folders(root))
        else:
            _walk(os.fspath(root), "", (), found)
    except OSError as error:
        raise DataError(
            f"{error.filename}: cannot be listed: {error.strerror}; every folder must be readable"
        ) from error
    odd = [item.path for item in found if not _is_text(item.path)]
    if odd:
        what = f"{root}: {len(odd)} names of videos are not UTF-8, such as {odd[0]!r}"
        if not leave_out_odd:
            raise DataError(f"{what}; rename them")
        print(f"{what}: they are left out, no annotation can name them; rename them to use them", file=sys.stderr)
        found = [item for item in found if _is_text(item.path)]
    return sorted(found, key=lambda item: item.path.encode("utf-8"))


def read_listing(path: Path) -> set[str]:
    """The paths in a listing."""
    return set(read_columns(path, COLUMNS, only=["path"])["path"].to_pylist())


def _walk(folder: str, prefix: str, above: tuple[tuple[int, int], ...], found: list[Listed]) -> None:
    """Add the videos below `folder`; `above` holds the folders that lead here, so that a circle of links ends."""
    status = os.stat(folder)  # noqa: PTH116  (strings: a Path for each of a million files costs seconds)
    key = (status.st_dev, status.st_ino)
    if key in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if is_folder(entry):
                _walk(entry.path, f"{prefix}{entry.name}/", (*above, key), found)
            elif os.path.splitext(entry.name)[1].lower() in SUFFIXES and is_file(entry):  # noqa: PTH122
                facts = entry.stat()
                found.append(Listed(f"{prefix}{entry.name}", facts.st_size, facts.st_mtime_ns))


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
