"""Which videos go into which shard: a stable hash of the id, and one small table a shard."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gsf.errors import DataError
from gsf.tables import read_table, table_bytes

COLUMNS = ("id", "path", "bytes", "sha256", "frames", "problem")


@dataclass(frozen=True)
class PlannedVideo:
    """One row of a shard's plan; `problem` says why a video is excluded, empty where it is not."""

    id: str
    path: str  # relative to the benchmark's folder of videos
    bytes: int
    sha256: str
    frames: int | None  # as the header says
    problem: str


def shard_of(video_id: str, shards: int) -> str:
    """Name of the shard of a video; adding videos moves no other."""
    number = int.from_bytes(hashlib.sha256(video_id.encode("utf-8")).digest()[:8], "big") % shards
    return f"{number:02d}"


def plan_bytes(videos: Iterable[PlannedVideo]) -> bytes:
    """The bytes of a plan: rows in the order of the ids' UTF-8 bytes."""
    rows = sorted(videos, key=lambda video: video.id.encode("utf-8"))
    return table_bytes(
        COLUMNS, [(v.id, v.path, v.bytes, v.sha256, "" if v.frames is None else v.frames, v.problem) for v in rows]
    )


def read_plan(path: Path) -> list[PlannedVideo]:
    """The rows of a plan."""
    try:
        return [
            PlannedVideo(
                id=row["id"],
                path=row["path"],
                bytes=int(row["bytes"]),
                sha256=row["sha256"],
                frames=int(row["frames"]) if row["frames"] else None,
                problem=row["problem"],
            )
            for row in read_table(path, COLUMNS)
        ]
    except ValueError as error:
        raise DataError(f"{path}: bytes and frames must be numbers: {error}; run the inventory stage again") from error
