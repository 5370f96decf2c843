"""UCF101: trimmed clips in class folders, in groups of one scene; three splits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from gsf.data.ids import check_id, check_label, shown
from gsf.data.published.files import Files
from gsf.data.published.reading import ClassName, Once, Part, Reading, Row, distinct, number
from gsf.errors import DataError

_CLIP = re.compile(r"(v_(?P<name>[^/]+)_g(?P<group>\d\d))_c\d\d\.avi")
_TOTALS: dict[int, dict[Part, int | None]] = {
    1: {"train": 9_537, "val": 0, "test": 3_783},
    2: {"train": 9_586, "val": 0, "test": 3_734},
    3: {"train": 9_624, "val": 0, "test": 3_696},
}


def read(files: Files, *, split: Literal[1, 2, 3]) -> Reading:
    """The lists of one split."""
    order = _classes(files)
    once = Once("clip")
    rows: list[Row] = []
    for part in ("train", "test"):
        rows += _rows(files, part, order, once)
    parts: dict[str, Part] = {}
    for row in rows:
        if parts.setdefault(row.group, row.part) != row.part:
            raise DataError(
                f"{files.path('test')}: group {row.group} is also in {files.path('train').name}, must not be in both:"
                " its clips show one scene"
            )
    return Reading(
        rows=rows,
        classes=[ClassName(name) for name in order],
        class_order="as published in the class file, less one: labels there begin at 1",
        version=f"UCF101 split {split}",
        totals=_TOTALS[split],
        num_classes=101,
    )


def _classes(files: Files) -> dict[str, int]:
    names: list[str] = []
    for where, line in files.lines("classes"):
        words = line.split()
        if len(words) != 2:
            raise DataError(f"{where}: {shown(line)} must be a number and a class name")
        number(words[0], where=where, what="class number", low=len(names) + 1, high=len(names) + 1)
        names.append(check_label(words[1], where=where))
    return distinct(names, where=str(files.path("classes")))


def _rows(files: Files, part: Part, order: dict[str, int], once: Once) -> Iterator[Row]:
    """The class is that of the folder; a training line names its number too, and both must agree.

    Folder and file may differ in case: `HandstandPushups/v_HandStandPushups_g01_c01.avi`.
    """
    for where, line in files.lines(part):
        words = line.split()
        if len(words) != (2 if part == "train" else 1):
            raise DataError(f"{where}: {shown(line)} must be a path{' and a class number' if part == 'train' else ''}")
        path = check_id(words[0], where=where)
        folder, _, file = path.partition("/")
        clip = _CLIP.fullmatch(file)
        if clip is None or clip["name"].casefold() != folder.casefold():
            raise DataError(f"{where}: path {shown(path)} must be CLASS/v_CLASS_gNN_cNN.avi")
        if folder not in order:
            raise DataError(f"{where}: class {shown(folder)} must be one of the {len(order)} in the class file")
        if part == "train":
            number(words[1], where=where, what=f"number of {folder}", low=order[folder] + 1, high=order[folder] + 1)
        once.add(path, where)
        yield Row(id=path.removesuffix(".avi"), path=path, label=order[folder], part=part, group=f"{clip[1]}")
