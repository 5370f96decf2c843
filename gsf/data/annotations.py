"""The labels of a benchmark: a CSV `path,label,split[,sha256]`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gsf.data.ids import check_relative_path
from gsf.errors import DataError
from gsf.store.tables import read_table

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Annotation:
    """One labelled video; `sha256` is empty where the file does not say."""

    path: str
    label: str
    split: str
    sha256: str = ""


def read_annotations(path: Path) -> list[Annotation]:
    """The annotations in a file; DataError names file, line and rule."""
    rows = read_table(path, ("path", "label", "split"), optional=("sha256",))
    seen: dict[str, int] = {}
    annotations = []
    for line, row in enumerate(rows, start=2):
        where = f"{path}, row {line}"
        check_relative_path(row["path"], where=where)
        if row["path"] in seen:
            raise DataError(f"{where}: path {row['path']!r} stands in row {seen[row['path']]} too, must be once")
        if not row["label"].strip():
            raise DataError(f"{where}: label of {row['path']!r} is empty, must be a name")
        if row["split"] not in SPLITS:
            raise DataError(f"{where}: split is {row['split']!r}, must be one of {', '.join(SPLITS)}")
        seen[row["path"]] = line
        annotations.append(Annotation(row["path"], row["label"], row["split"], row.get("sha256", "")))
    if not annotations:
        raise DataError(f"{path}: holds no video, must hold at least one")
    return annotations
