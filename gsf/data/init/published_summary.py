"""What `gsf init --published` says of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gsf.data.annotations import SHOWN
from gsf.data.columns import SPLITS
from gsf.data.published.annotate import Annotated


@dataclass(frozen=True)
class PublishedSummary:
    """What `init_published` found and wrote; `str()` is what the command line prints."""

    name: str
    title: str
    facts: dict[str, Any]  # as in summary.json
    rows_of_class: dict[str, int]  # training rows by class
    on_missing: str
    missing: tuple[str, ...]  # published paths of videos that are not there
    missing_rows: int
    videos: int  # that the annotations name
    files: tuple[str, ...]  # written, relative to the project
    kept: tuple[str, ...]  # there before, left as they were
    notes: tuple[str, ...]  # on what this call kept, and on videos that have come since

    def __str__(self) -> str:
        facts = self.facts
        lines = [
            f"{self.title}: {facts['version']}",
            *_published_lines(facts),
            "ours: " + ", ".join(f"{split} {facts['splits'][split]}" for split in SPLITS) + f"; {facts['split_rule']}",
            *_class_lines(facts, self.rows_of_class),
            f"a horizontal flip: {facts['flip']}; {facts['flip_reason']}",
            *(f"  {one} <-> {other}" for one, other in facts["flip_pairs"]),
            *_missing_lines(self),
            *(f"note: {note}" for note in (*facts["notes"], *self.notes)),
            *(f"metrics apart, {rule}" for rule in facts["subset_rules"]),
            *(f"wrote {name}" for name in self.files),
            *(f"kept  {name}" for name in self.kept),
            f"next: look at params/benchmarks/{self.name}.yaml, then: gsf study {self.name} && dvc repro",
        ]
        return "\n".join(lines)


def rows_of_class(found: Annotated) -> dict[str, int]:
    """Training rows by class."""
    counts = dict.fromkeys((item.name for item in found.reading.classes), 0)
    names = [item.name for item in found.reading.classes]
    for row in found.reading.rows:
        if found.splits[row.id] == "train":
            counts[names[row.label]] += 1
    return counts


def _published_lines(facts: dict[str, Any]) -> list[str]:
    lines = []
    for part, counts in facts["published_splits"].items():
        against = "no fixed number was published" if counts["published"] is None else f"{counts['published']} published"
        off = f", {counts['difference']:+}" if counts["difference"] else ""
        lines.append(f"{part:5} {counts['read']:8} rows, {against}{off}")
    lines += [f"left out: {item['rows']} of {item['part']}, {item['reason']}" for item in facts["left_out"]]
    return lines


def _class_lines(facts: dict[str, Any], rows: dict[str, int]) -> list[str]:
    ordered = sorted(rows, key=lambda name: (rows[name], name))
    few, many = ordered[:3], ordered[: -4 if len(ordered) > 6 else -1 : -1]
    empty = facts["classes_without_training"]
    return [
        f"classes: {facts['classes']}, {facts['classes_published']} published; order: {facts['class_order']}",
        f"  fewest training rows: {_counted(few, rows)}; most: {_counted(many, rows)}",
        *([f"  without a training row: {len(empty)}, such as {', '.join(empty[:3])}"] if empty else []),
    ]


def _counted(names: Sequence[str], rows: dict[str, int]) -> str:
    return ", ".join(f"{name} {rows[name]}" for name in names)


def _missing_lines(summary: PublishedSummary) -> list[str]:
    if not summary.missing:
        return [f"videos: all {summary.videos} are there"]
    more = len(summary.missing) - SHOWN
    meaning = (
        "on_missing: exclude, so they are left out and listed in the manifest"
        if summary.on_missing == "exclude"
        else "on_missing: stop, so the inventory will not begin; exclude leaves them out and lists them"
    )
    return [
        f"videos: {len(summary.missing)} of {summary.videos} are not there ({summary.missing_rows} rows); {meaning}",
        *(f"  {name}" for name in summary.missing[:SHOWN]),
        *([f"  and {more} more"] if more > 0 else []),
    ]
