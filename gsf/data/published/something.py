"""Something-Something V1 and V2: the same 174 classes, published in two formats and two orders.

V1 comes as `id;label` lines and a file of class names whose order is not alphabetical; V2 as JSON, with class ids that
are alphabetical. Here the order is alphabetical for both: it is V2's own, and that of the checkpoints released for V1.
"""

from __future__ import annotations

from collections.abc import Iterator

from gsf.data.ids import check_label, check_part, shown
from gsf.data.published.files import Files
from gsf.data.published.reading import ClassName, LeftOut, Once, Part, Reading, Row, distinct, number
from gsf.errors import DataError

NUM_CLASSES = 174
_UNLABELLED = "published without labels"


def read_v1(files: Files) -> Reading:
    """V1: videos are folders of frames, named by their id."""
    published = [check_label(line, where=where) for where, line in files.lines("labels")]
    order = distinct(sorted(distinct(published, where=str(files.path("labels")))), where="")
    once = Once("id")
    rows: list[Row] = []
    for part in ("train", "val"):
        rows += _v1_rows(files, part, order, once)
    unlabelled = [once.add(line.strip(), where) for where, line in files.lines("test")] if files.has("test") else []
    return Reading(
        rows=rows,
        classes=[ClassName(name) for name in order],
        class_order="alphabetical, by Unicode code point: that of the released checkpoints and of V2;"
        f" the file {files.path('labels').name} has another order",
        version="Something-Something V1",
        totals={"train": 86_017, "val": 11_522, "test": 10_960},
        num_classes=NUM_CLASSES,
        left_out=[LeftOut("test", len(unlabelled), _UNLABELLED)] if files.has("test") else [],
        notes=["the frames are published at 100 px height and are stored as they are"],
    )


def _v1_rows(files: Files, part: Part, order: dict[str, int], once: Once) -> Iterator[Row]:
    for where, line in files.lines(part):
        name, semicolon, label = line.partition(";")
        if not semicolon:
            raise DataError(f"{where}: {shown(line)} must be id;label")
        check_part(name, where=where, what="id")
        if label not in order:
            raise DataError(f"{where}: label {shown(label)} must be one of the {len(order)} in the labels file")
        once.add(name, where)
        yield Row(id=name, path=name, label=order[label], part=part, group=name)


def read_v2(files: Files) -> Reading:
    """V2: the class of a row is its template without brackets; `label` is that template filled in."""
    order = _v2_classes(files)
    once = Once("id")
    rows: list[Row] = []
    for part in ("train", "val"):
        rows += _v2_rows(files, part, order, once)
    unlabelled = files.items("test", {"id": str}) if files.has("test") else ()
    left_out = [once.add(item["id"], where) for where, item in unlabelled]
    return Reading(
        rows=rows,
        classes=[ClassName(name) for name in order],
        class_order="as published in the labels file, which is alphabetical",
        version="Something-Something V2",
        totals={"train": 168_913, "val": 24_777, "test": 27_157},
        num_classes=NUM_CLASSES,
        left_out=[LeftOut("test", len(left_out), _UNLABELLED)] if files.has("test") else [],
    )


def _v2_classes(files: Files) -> dict[str, int]:
    """Classes in the order of their ids, which are strings of digits."""
    where = str(files.path("labels"))
    found = files.json("labels")
    if not isinstance(found, dict) or not found:
        raise DataError(f"{where}: must be an object of class names and ids")
    ids = {check_label(name, where=where): number(text, where=where, what=name) for name, text in found.items()}
    if sorted(ids.values()) != list(range(len(ids))):
        raise DataError(f"{where}: class ids must be 0 to {len(ids) - 1}, each once")
    names = sorted(ids, key=lambda name: ids[name])
    if names != sorted(names):
        raise DataError(f"{where}: classes must be in alphabetical order, as published; get the file again")
    return ids


def _v2_rows(files: Files, part: Part, order: dict[str, int], once: Once) -> Iterator[Row]:
    for where, item in files.items(part, {"id": str, "template": str}):
        name = check_part(item["id"], where=where, what="id")
        label = item["template"].replace("[", "").replace("]", "")
        if label not in order:
            raise DataError(f"{where}: template {shown(item['template'])} must be one of the {len(order)} classes")
        once.add(name, where)
        yield Row(id=name, path=f"{name}.webm", label=order[label], part=part, group=name)
