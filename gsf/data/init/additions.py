"""Videos that are added to a benchmark: batches with shards of their own, so that the other shards stay as they are.

A shard is written, hashed and kept as a whole, so a video that joins one costs as much as all that it holds. A hundred
new videos fall into nearly all of 32 hashed shards. So they become a batch instead, or join one that holds no more
videos than they are: then as many frames are copied as decoded at most, and small additions do not use up the shards.
Where no shard is left, they join the smallest batch, of which there are dozens by then.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from gsf.data.init.common import PlannedFile
from gsf.errors import ParamsError
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.store.plan import ADDITIONS, MAX_SHARDS, added_name, read_additions
from gsf.tables import table_bytes


@dataclass(frozen=True)
class Additions:
    """The batch of each added video, and what to tell the person who called."""

    path: Path
    batches: dict[str, int]
    notes: tuple[str, ...]
    is_new: bool  # whether the benchmark file does not name the file yet

    def files(self, project: Project, benchmark_file: Path) -> tuple[PlannedFile, ...]:
        """The table of additions, and the benchmark file with its name where that does not name it yet."""
        rows = sorted(self.batches.items(), key=lambda item: (item[1], item[0].encode("utf-8")))
        table = PlannedFile(self.path, table_bytes(ADDITIONS, rows))
        if not self.is_new:
            return (table,)
        line = f"additions: {project.relative(self.path)}  # path,batch: videos added later, with shards of their own"
        text = benchmark_file.read_bytes().decode("utf-8")
        changed, count = re.subn(r"(?m)^(annotations:.*)$", lambda found: f"{found[1]}\n{line}", text, count=1)
        if not count:
            raise ParamsError(f"{project.relative(benchmark_file)}: has no line `annotations:`; add `{line}`")
        return table, PlannedFile(benchmark_file, changed.encode("utf-8"))


def renew(
    project: Project, existing: Benchmark | None, known: Collection[str], now: Collection[str]
) -> Additions | None:
    """The additions once the videos are those of `now`; None where the benchmark has none and needs none.

    Args:
        project: where the file lies.
        existing: the benchmark as it is, None for a new one.
        known: its videos so far.
        now: its videos from now on. New ones become one more batch, those that are gone leave theirs.
    """
    if existing is None:
        return None
    path = project.root / (existing.additions or f"params/benchmarks/{existing.name}.additions.csv")
    before = read_additions(path) if existing.additions is not None else {}
    there = set(now)
    batches = {name: batch for name, batch in before.items() if name in there}
    added = there - set(known)
    new = sorted(added - batches.keys())
    free = MAX_SHARDS - existing.shards
    if existing.additions is None and not (new and free):
        return None  # where every shard is a hashed one, new videos go to those
    notes = []
    if len(new) < len(added):  # as a call that was stopped leaves it, or a person
        notes.append(f"{len(added) - len(new)} new videos are in batches of {project.relative(path)} already")
    if new and free:
        batch, shared = _batch(batches, len(new), last=max(before.values(), default=0), free=free)
        batches |= dict.fromkeys(new, batch)
        where = f"batch {batch} of {project.relative(path)}"
        note = f"{len(new)} new videos are {where}: a shard of their own, {added_name(batch)}; others stay as they are"
        if shared:
            note = (
                f"{len(new)} new videos join the {shared} of {where}: shard {added_name(batch)} is written again,"
                " others stay as they are"
            )
        if shared > len(new):
            note += f"; {MAX_SHARDS} shards is the limit: to fold the additions back, see docs/your-videos.md"
        notes.append(note)
    return Additions(path, batches, tuple(notes), is_new=existing.additions is None)


def _batch(batches: Mapping[str, int], new: int, *, last: int, free: int) -> tuple[int, int]:
    """The batch that `new` videos become or join, and how many videos are in it already."""
    sizes = Counter(batches.values())
    smallest = min(range(1, last + 1), key=lambda batch: sizes[batch], default=0)
    if smallest and (sizes[smallest] <= new or last >= free):
        return smallest, sizes[smallest]
    return last + 1, 0
