"""Videos that are added to a large benchmark: batches with shards of their own, so that the others stay as they are."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from gsf.errors import ParamsError
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.store.plan import ADDITIONS, MAX_SHARDS, read_additions
from gsf.tables import write_table

# Videos from which on added ones get a shard of their own. A hundred new videos fall into nearly all of 32 hashed shards,
# each of which is then copied and hashed as a whole. Below this number that is some 20 GB, minutes; above it may be hours.
LARGE = 10_000


@dataclass(frozen=True)
class Additions:
    """The batch of each added video, and what to tell the person who called."""

    path: Path
    batches: dict[str, int]
    note: str | None
    is_new: bool  # whether the benchmark file does not name the file yet

    def write(self, benchmark_file: Path, project: Project) -> None:
        """Write the file of additions, and name it in the benchmark file where that does not."""
        rows = sorted(self.batches.items(), key=lambda item: (item[1], item[0].encode("utf-8")))
        write_table(self.path, ADDITIONS, rows)
        if self.is_new:
            line = f"additions: {project.relative(self.path)}  # path,batch: videos added later, with shards of their own"
            text = benchmark_file.read_text(encoding="utf-8")
            changed, count = re.subn(r"(?m)^(annotations:.*)$", lambda found: f"{found[1]}\n{line}", text, count=1)
            if not count:
                raise ParamsError(f"{project.relative(benchmark_file)}: has no line `annotations:`; add `{line}`")
            benchmark_file.write_text(changed, encoding="utf-8")


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
    new = sorted(set(now) - set(known))
    if existing.additions is None and (len(known) < LARGE or not new):
        return None
    path = project.root / (existing.additions or f"params/benchmarks/{existing.name}.additions.csv")
    before = read_additions(path) if existing.additions is not None else {}
    batches = {name: batch for name, batch in before.items() if name in set(now)}
    last = max(before.values(), default=0)
    batch = max(1, min(last + 1, MAX_SHARDS - existing.shards))
    note = None
    if new:
        if existing.shards >= MAX_SHARDS:
            return None
        batches |= dict.fromkeys(new, batch)
        note = (
            f"{len(new)} new videos are batch {batch} of {project.relative(path)}: a shard of their own, a{batch:02d},"
            " so that the others stay as they are"
        )
        if batch == last:
            note += f"; {MAX_SHARDS} shards is the limit: fold the additions back, see docs/your-videos.md"
    return Additions(path, batches, note, is_new=existing.additions is None)
