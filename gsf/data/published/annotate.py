"""From published files to our rows and classes: a pure function of files, parameters and the listing of the videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from gsf.data.columns import SPLITS, Split
from gsf.data.published.disk import Places, find
from gsf.data.published.files import Files
from gsf.data.published.flips import flip_pairs
from gsf.data.published.formats import BENCHMARKS, choose, roles
from gsf.data.published.reading import Part, Reading, Row
from gsf.errors import DataError, ParamsError
from gsf.params.benchmark import Published
from gsf.provenance.hashing import sha256_bytes

PARTS: tuple[Part, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Annotated:
    """A published benchmark in our terms."""

    reading: Reading
    splits: dict[str, Split]  # by id
    places: Places
    flip_pairs: tuple[tuple[str, str], ...]
    val_share: float

    def counts(self) -> dict[Split, int]:
        """Rows of our splits."""
        found = Counter(self.splits.values())
        return {split: found[split] for split in SPLITS}

    def missing_rows(self) -> list[Row]:
        """Rows whose video is not there."""
        absent = set(self.places.missing)
        return [row for row in self.reading.rows if row.path in absent]


def annotate(published: Published, folder: Path, *, listed: Collection[str], where: str) -> Annotated:
    """Read the published files and put every labelled row into one of our splits.

    Args:
        published: what the benchmark's parameter file says of them.
        folder: where they lie.
        listed: paths of the videos that are there.
        where: the parameter file and the folder of videos, for messages.
    """
    benchmark = BENCHMARKS[published.format]
    wanted = roles(published.format, split=published.split)
    unknown = published.sha256.keys() - {name for item in wanted for name in item.names}
    if unknown:
        raise ParamsError(
            f"{where}: published.sha256 has {min(unknown)!r}, must be files of {benchmark.title}:"
            f" {', '.join(item.names[0] for item in wanted)}"
        )
    files = Files(folder, choose(wanted, published.sha256.keys(), folder=folder), published.sha256)
    reading = benchmark.read(files, published)
    _check_both_sides(reading.rows, folder)
    return Annotated(
        reading=reading,
        splits=our_splits(reading.rows, format=published.format, val_share=published.val_share),
        places=find((row.path for row in reading.rows), listed, any_case=benchmark.any_case, where=where),
        flip_pairs=flip_pairs(published.format, [item.name for item in reading.classes]),
        val_share=published.val_share,
    )


def _check_both_sides(rows: Iterable[Row], folder: Path) -> None:
    parts = {row.part for row in rows}
    if "train" not in parts or len(parts) < 2:
        raise DataError(
            f"{folder}: rows are for {' and '.join(sorted(parts)) or 'nothing'}, must be for training and for"
            " validation or test; get the lists again"
        )


def our_splits(rows: Iterable[Row], *, format: str, val_share: float) -> dict[str, Split]:
    """The split of every row: what papers report on is `test`; `val` is a share of the training videos.

    A group is held out whole, where the first 64 bits of sha256(format, newline, group) as a share of 2**64 are below
    `val_share`: adding or losing other videos moves none.
    """
    limit = Fraction(str(val_share)) * 2**64
    held: dict[str, bool] = {}

    def split(row: Row) -> Split:
        if row.part != "train":
            return "test"
        if not limit:
            return "train"
        if row.group not in held:
            held[row.group] = int(sha256_bytes(f"{format}\n{row.group}".encode())[:16], 16) < limit
        return "val" if held[row.group] else "train"

    return {row.id: split(row) for row in rows}


def summary(found: Annotated, *, format: str) -> dict[str, Any]:
    """What `summary.json` holds, and what `gsf init` prints from."""
    benchmark, reading = BENCHMARKS[format], found.reading
    read = Counter(row.part for row in reading.rows)
    left_out = {item.part: item.rows for item in reading.left_out}
    trained = Counter(row.label for row in reading.rows if found.splits[row.id] == "train")
    groups = {part: {row.group for row in reading.rows if row.part == part} for part in PARTS}
    shared = groups["train"] & (groups["val"] | groups["test"])
    return {
        "format": format,
        "version": reading.version,
        "classes": len(reading.classes),
        "classes_published": reading.num_classes,
        "class_order": reading.class_order,
        "classes_without_training": [item.name for at, item in enumerate(reading.classes) if not trained[at]],
        "published_splits": {
            part: _against(read[part] + left_out.get(part, 0), reading.totals.get(part))
            for part in PARTS
            if read[part] or part in left_out
        },
        "splits": found.counts(),
        "split_rule": split_rule(read, found.val_share, grouping=benchmark.grouping),
        "groups_in_training_and_test": len(shared),
        "left_out": [{"part": item.part, "rows": item.rows, "reason": item.reason} for item in reading.left_out],
        "missing_videos": len(found.places.missing),
        "flip": "swap" if found.flip_pairs else "free",
        "flip_pairs": [list(pair) for pair in found.flip_pairs],
        "flip_reason": benchmark.flip_reason,
        "notes": list(reading.notes),
        "subsets": {f"{item.name} {item.part}".rstrip(): len(item.ids) for item in reading.subsets},
        "subset_rules": list(reading.subset_rules),
    }


def _against(read: int, published: int | None) -> dict[str, int | None]:
    return {"read": read, "published": published, "difference": None if published is None else read - published}


def split_rule(read: Mapping[Part, int], val_share: float, *, grouping: str) -> str:
    """How published splits became ours, in words."""
    reported = "validation" if read["val"] else "test"
    rule = f"test is the published {reported} split, on which papers report"
    if not val_share:
        return f"{rule}; val is empty, so recipes need select: last"
    return f"{rule}; val is {val_share:g} of the training videos, chosen by a hash, whole groups together: {grouping}"


def annotation_rows(found: Annotated) -> tuple[Sequence[str], list[tuple[object, ...]]]:
    """Columns and rows of annotations.csv, in the order of the ids' UTF-8 bytes."""
    rows = sorted(found.reading.rows, key=lambda row: row.id.encode("utf-8"))
    names = [item.name for item in found.reading.classes]
    columns: list[str] = ["id", "path", "label", "split"]
    segments = any(row.start_frame is not None for row in rows)
    if segments:
        columns += ["start_frame", "stop_frame", "fps"]
    table = []
    for row in rows:
        values: tuple[object, ...] = (row.id, found.places.paths[row.path], names[row.label], found.splits[row.id])
        table.append((*values, row.start_frame, row.stop_frame, row.fps) if segments else values)
    return columns, table


def class_rows(found: Annotated) -> tuple[Sequence[str], list[tuple[str, ...]]]:
    """Columns and rows of classes.csv, in class order."""
    classes = found.reading.classes
    if any(item.verb for item in classes):
        return ("name", "verb", "noun"), [(item.name, item.verb, item.noun) for item in classes]
    return ("name",), [(item.name,) for item in classes]
