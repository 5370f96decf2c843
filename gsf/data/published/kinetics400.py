"""Kinetics-400: clips of ten seconds, cut from YouTube videos of which many are gone."""

from __future__ import annotations

from collections.abc import Iterator

from gsf.data.ids import check_label, check_part
from gsf.data.published.files import Files
from gsf.data.published.reading import ClassName, LeftOut, Once, Part, Reading, Row, distinct, number
from gsf.errors import DataError

_COLUMNS = ("youtube_id", "time_start", "time_end", "split")
_SPLIT_WORDS = {"train": ("train",), "val": ("val", "validate", "validation"), "test": ("test",)}


def read(files: Files) -> Reading:
    """Training and validation lists; the test list is left out, as papers report on validation."""
    once = Once("clip")
    parts: tuple[Part, ...] = ("train", "val")
    found = {part: list(_clips(files, part, once)) for part in parts}
    names = {label for clips in found.values() for label, _ in clips}
    order = distinct(sorted(names), where=str(files.path("train")))
    rows = [
        Row(id=clip, path=f"{clip}.mp4", label=order[label], part=part, group=clip[: -len("_000000_000000")])
        for part, clips in found.items()
        for label, clip in clips
    ]
    tested = sum(1 for _ in files.table("test", _COLUMNS)) if files.has("test") else 0
    return Reading(
        rows=rows,
        classes=[ClassName(name) for name in order],
        class_order="alphabetical, by Unicode code point",
        version="Kinetics-400",
        totals={"train": None, "val": 19_906, "test": 38_685},
        num_classes=400,
        left_out=[LeftOut("test", tested, "papers report on the validation split")] if files.has("test") else [],
        notes=[
            "about 240,000 training clips were published, and videos vanish: the copy in use is the one"
            " that the inventory lists"
        ],
    )


def _clips(files: Files, part: Part, once: Once) -> Iterator[tuple[str, str]]:
    """Label and name of each clip."""
    for where, row in files.table(part, ("label", *_COLUMNS)):
        label = check_label(row["label"], where=where)
        video = check_part(row["youtube_id"], where=where, what="youtube_id")
        start = number(row["time_start"], where=where, what="time_start", high=999_999)
        end = number(row["time_end"], where=where, what="time_end", low=start + 1, high=999_999)
        if row["split"] not in _SPLIT_WORDS[part]:
            raise DataError(f"{where}: split {row['split']!r} must be {part}: is this the list of another split?")
        yield label, once.add(f"{video}_{start:06d}_{end:06d}", where)
