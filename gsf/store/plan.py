"""Which videos go into which shard: a stable hash of the id, and one small table a shard."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gsf.errors import DataError, ParamsError
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.tables import read_table, table_bytes

COLUMNS = ("id", "path", "bytes", "sha256", "frames", "problem")
ADDITIONS = ("path", "batch")
MAX_SHARDS = 64  # of a benchmark: each is a stage, and DVC's cost grows with the square of the stages


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """One row of a shard's plan; `problem` says why a video is excluded, empty where it is not."""

    id: str
    path: str  # relative to the benchmark's folder of videos
    bytes: int
    sha256: str
    frames: int | None  # as the header says
    problem: str


@dataclass(frozen=True)
class Sharding:
    """The shards of a benchmark: `00`, `01`, ... by a hash of the path, and `a01`, `a02`, ... for videos added later.

    A video that is added to a hashed shard makes that shard be written, and hashed, as a whole; one in a batch of its
    own leaves the others alone.
    """

    hashed: int  # shards `00`, `01`, ...
    batches: Mapping[str, int]  # of each added video, by path; from 1 on

    @classmethod
    def of(cls, project: Project, params: Benchmark) -> Sharding:
        """The sharding that a benchmark file asks for; its file of additions is read."""
        batches = {} if params.additions is None else read_additions(project.root / params.additions)
        found = cls(params.shards, batches)
        if len(found.names) > MAX_SHARDS:
            raise ParamsError(
                f"params/benchmarks/{params.name}.yaml: {params.shards} shards and {len(found.names) - params.shards}"
                f" batches of additions are {len(found.names)} shards, must be at most {MAX_SHARDS}; fold the"
                f" additions back: remove `additions` and {params.additions}, then every shard is extracted again"
            )
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all shards, those without a video included."""
        last = max(self.batches.values(), default=0)
        return (*hashed_names(self.hashed), *(added_name(batch) for batch in range(1, last + 1)))

    def shard_of(self, path: str) -> str:
        """Name of the shard of a video; adding videos moves no other."""
        batch = self.batches.get(path)
        return shard_of(path, self.hashed) if batch is None else added_name(batch)


def hashed_names(shards: int) -> tuple[str, ...]:
    """Names of the shards whose videos a hash distributes."""
    return tuple(f"{number:02d}" for number in range(shards))


def added_name(batch: int) -> str:
    """Name of the shard of one batch of added videos."""
    return f"a{batch:02d}"


def is_planned(params: Benchmark, shard: str) -> bool:
    """Whether a benchmark file allows a shard of this name; whether there is one, the inventory says."""
    added = re.fullmatch(r"a(?!00)\d\d", shard) is not None and params.additions is not None
    return added or shard in hashed_names(params.shards)


def shard_of(path: str, shards: int) -> str:
    """Name of the hashed shard of a video."""
    number = int.from_bytes(hashlib.sha256(path.encode("utf-8")).digest()[:8], "big") % shards
    return f"{number:02d}"


def read_additions(path: Path) -> dict[str, int]:
    """The batch of each added video, by path; DataError names the line and the rule."""
    batches: dict[str, int] = {}
    for line, row in enumerate(read_table(path, ADDITIONS), start=2):
        name, batch = row["path"], row["batch"]
        if not re.fullmatch(r"[1-9]\d?", batch):
            raise DataError(f"{path}, line {line}: batch {batch!r} must be a number from 1 to {MAX_SHARDS - 1}")
        if name in batches:
            raise DataError(f"{path}, line {line}: path {name!r} is there already, must be in one batch")
        batches[name] = int(batch)
    return batches


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
