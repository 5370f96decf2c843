"""What `gsf init` says of one's own videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from gsf.data.columns import SPLITS, Split
from gsf.data.init.sources import Source


@dataclass(frozen=True)
class InitSummary:
    """What `init_benchmark` wrote; `str()` is what the command line prints."""

    name: str
    files: tuple[str, ...]  # written, relative to the project
    kept: tuple[str, ...]  # there before, left as they were
    counts: dict[str, dict[Split, int]]  # rows by class and split
    segments_of: int | None  # videos of which the rows are segments; None where each row is a video
    added: int  # rows
    removed: int  # rows whose video is gone or has lost its label
    repeated: tuple[tuple[str, ...], ...]  # groups of files with the same bytes
    flip: str
    flip_pairs: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        width = max(len("class"), *(len(label) for label in self.counts))
        table = [f"{'class':{width}}  " + "  ".join(f"{split:>6}" for split in SPLITS)]
        for label, counts in sorted(self.counts.items()):
            table.append(f"{label:{width}}  " + "  ".join(f"{counts[split]:6}" for split in SPLITS))
        total = {split: sum(counts[split] for counts in self.counts.values()) for split in SPLITS}
        table.append(f"{'all':{width}}  " + "  ".join(f"{total[split]:6}" for split in SPLITS))
        rows = sum(total.values())
        what = f"videos: {rows}" if self.segments_of is None else f"segments: {rows} of {self.segments_of} videos"
        pairs = "".join(f"\n  {one} <-> {other}" for one, other in self.flip_pairs)
        lines = [
            *table,
            f"{what}, {self.added} of them new; {self.removed} removed",
            f"a horizontal flip: {self.flip}{pairs}",
            *(f"the same video: {', '.join(group)}" for group in self.repeated),
            *(f"note: {note}" for note in self.notes),
            *(f"wrote {name}" for name in self.files),
            *(f"kept  {name}" for name in self.kept),
            f"next: look at params/benchmarks/{self.name}.yaml, then: gsf study {self.name} && dvc repro",
        ]
        return "\n".join(lines)


def counts_of(source: Source, splits: Mapping[str, Split]) -> dict[str, dict[Split, int]]:
    """Rows by class and split."""
    pairs = Counter((row.label, splits[row.id]) for row in source.rows)
    return {label: {split: pairs[label, split] for split in SPLITS} for label in sorted({r.label for r in source.rows})}


def notes_on(source: Source, splits: Mapping[str, Split]) -> list[str]:
    """What a person should know before a training is spent on it."""
    notes = []
    counts = counts_of(source, splits)
    for split in SPLITS:
        lacking = [label for label in counts if not counts[label][split]]
        if len(lacking) == len(counts):
            notes.append(f"{split} is empty: give some rows the split {split}")
        elif lacking:
            notes.append(f"no {split} video for {', '.join(lacking)}")
    if source.unlabelled:
        notes.append(f"{source.unlabelled} videos in {source.root} have no label and are not used")
    return notes
