"""What the files for videos of one's own and for published benchmarks share."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gsf.project import Project
from gsf.provenance.hashing import write_atomically
from gsf.yaml_text import flow_list

MAX_PLANNED = 32  # of the 64 shards that a benchmark may have: the others are for videos that are added later


@dataclass(frozen=True)
class PlannedFile:
    """A file as it is going to be."""

    path: Path
    data: bytes


def write_all(files: Iterable[PlannedFile]) -> None:
    """Write the files in their order, each whole or not at all.

    A stop may come between any two of them, so what tells the next call that the work is done has to be the last one.
    """
    for file in files:
        write_atomically(file.path, file.data)


def planned_shards(*, rows: int, videos: int) -> int:
    """One shard for a handful, four up to a thousand rows, then one for each 250, and never more than videos.

    Rows, because the frames of a long video, of which there are many segments, are those of as many short ones.
    """
    wanted = 1 if rows < 16 else min(MAX_PLANNED, max(4, -(-rows // 250)))
    return max(1, min(wanted, videos))


def shown_folder(project: Project, root: Path) -> str:
    """Relative where the videos lie below the project or beside it, so that both can be moved together."""
    near = project.root.parent in (root, *root.parents) and project.root.parent != Path(project.root.anchor)
    return Path(os.path.relpath(root, project.root)).as_posix() if near else root.as_posix()


def pair_lines(pairs: Sequence[tuple[str, str]]) -> str:
    """Pairs of classes as lines of a YAML list."""
    return "".join(f"    - {flow_list(pair)}\n" for pair in pairs)
