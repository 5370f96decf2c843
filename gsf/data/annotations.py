"""Annotations: a CSV `path,label,split[,sha256]` that says what each video shows and what it is used for."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gsf.data.columns import SPLITS, Split
from gsf.data.ids import check_id, check_label
from gsf.data.listing import SUFFIXES
from gsf.errors import DataError
from gsf.tables import read_table

SHOWN = 10  # of many wrong names
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Annotation:
    """One row; `sha256` where the annotations commit to the bytes of the videos."""

    path: str
    label: str
    split: Split
    sha256: str | None = None


def read_annotations(path: Path) -> list[Annotation]:
    """The rows of an annotation file, in its order; DataError names the file, the line and the rule."""
    lines: dict[str, int] = {}
    found = []
    for line, row in numbered_rows(path, ("path", "label", "split"), optional=("sha256",)):
        where = f"{path}, line {line}"
        name = once(row["path"], line, lines, path=path)
        split, sha256 = row["split"], row.get("sha256")
        if split not in SPLITS:
            raise DataError(f"{where}: split {split!r} must be train, val or test")
        if sha256 is not None and not _SHA256.fullmatch(sha256):
            raise DataError(f"{where}: sha256 {sha256!r} must be 64 hexadecimal digits")
        found.append(Annotation(name, check_label(row["label"], where=where), split, sha256))
    if not found:
        raise DataError(f"{path}: holds no video, must have at least one row path,label,split")
    return found


def numbered_rows(
    path: Path, columns: Sequence[str], *, optional: Sequence[str] = ()
) -> Iterable[tuple[int, dict[str, str]]]:
    """Rows of a table written by people, each with the number of its line.

    No value may hold a line break, so that the n-th row is the n-th line; `check_id` and `check_label` see to it.
    """
    try:
        return enumerate(read_table(path, columns, optional=optional), start=2)
    except csv.Error as error:
        raise DataError(f"{path}: is not a CSV table: {error}") from error


def once(name: str, line: int, lines: dict[str, int], *, path: Path) -> str:
    """Check a path and that no earlier row has it; `lines` remembers where each was."""
    check_id(name, where=f"{path}, line {line}")
    earlier = lines.setdefault(name, line)
    if earlier != line:
        raise DataError(f"{path}, line {line}: path {name!r} is in line {earlier} already, must be there once")
    return name


def check_present(annotations: Iterable[Annotation], listed: Collection[str], *, source: Path, remedy: str) -> None:
    """Raise DataError where annotated videos are not among those `listed`."""
    missing = [item.path for item in annotations if item.path not in listed]
    if not missing:
        return
    more = f"\n  and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    names = "".join(f"\n  {name}" for name in missing[:SHOWN])
    odd = sorted({Path(name).suffix for name in missing if Path(name).suffix.lower() not in SUFFIXES})
    hint = f"; a video's suffix must be one of {' '.join(sorted(SUFFIXES))}" if odd else ""
    raise DataError(f"{source}: {len(missing)} videos are not in the folder of videos{hint}:{names}{more}\n{remedy}")


def unlabelled(annotations: Iterable[Annotation], listed: Collection[str]) -> list[str]:
    """Videos in the folder that no row names, sorted."""
    return sorted(set(listed) - {item.path for item in annotations})
