"""Diving48: whole dives; the same names have other labels in V1 and V2, which the names of the files tell apart."""

from __future__ import annotations

from collections.abc import Iterator

from gsf.data.ids import check_label, check_part, shown
from gsf.data.published.files import Files
from gsf.data.published.reading import ClassName, Once, Part, Reading, Row, distinct, number
from gsf.errors import DataError

_KEYS = {"vid_name": str, "label": int, "start_frame": int, "end_frame": int}


def read(files: Files) -> Reading:
    """Training and test lists and the vocabulary."""
    second = {"_V2_" in files.path(part).name for part in ("train", "test")}
    if len(second) != 1:
        names = " and ".join(files.path(part).name for part in ("train", "test"))
        raise DataError(f"{files.path('train').parent}: {names} must both be of V1 or both of V2: their labels differ")
    version = "V2" if second.pop() else "V1"
    classes = _classes(files)
    once = Once("vid_name")
    rows: list[Row] = []
    for part in ("train", "test"):
        rows += _rows(files, part, len(classes), once)
    return Reading(
        rows=rows,
        classes=[ClassName(name) for name in classes],
        class_order="as published in the vocabulary: its position is the label",
        version=f"Diving48 {version}; figures of V1 and V2 labels must not be compared",
        totals={"train": 15_027, "val": 0, "test": 1_970} if version == "V2" else dict.fromkeys(("train", "test")),
        num_classes=48,
    )


def _classes(files: Files) -> list[str]:
    where = str(files.path("vocabulary"))
    found = files.json("vocabulary")
    if not isinstance(found, list):
        raise DataError(f"{where}: holds {type(found).__name__}, must be a list of classes")
    names = []
    for position, words in enumerate(found, start=1):
        if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
            raise DataError(f"{where}, item {position}: {shown(str(words))} must be a list of words")
        names.append(check_label(" ".join(words), where=f"{where}, item {position}"))
    return list(distinct(names, where=where))


def _rows(files: Files, part: Part, classes: int, once: Once) -> Iterator[Row]:
    for where, item in files.items(part, _KEYS):
        name = check_part(item["vid_name"], where=where, what="vid_name")
        label = number(item["label"], where=where, what="label", high=classes - 1)
        if item["start_frame"] != 0:
            raise DataError(f"{where}: start_frame {item['start_frame']} must be 0: each file is one dive")
        once.add(name, where)
        group = name.rpartition("_")[0] or name
        yield Row(id=name, path=f"{name}.mp4", label=label, part=part, group=group)
