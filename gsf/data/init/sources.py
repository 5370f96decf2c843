"""Where labels of one's own videos come from: class folders, or a CSV `path,label[,split]`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gsf.data.annotations import SHOWN, numbered_rows, once
from gsf.data.columns import Split
from gsf.data.ids import check_id, check_label
from gsf.data.listing import Listed, scan
from gsf.errors import DataError

LABELS_FILE = "labels.csv"
_SPLIT_WORDS: dict[str, Split] = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


@dataclass(frozen=True)
class Labelled:
    """A video with its class; `split` None where the source leaves it open."""

    path: str
    label: str
    split: Split | None


@dataclass(frozen=True)
class Source:
    """Labelled videos below a folder."""

    root: Path  # absolute
    origin: str  # where the labels come from, in words
    rows: tuple[Labelled, ...]
    bytes: dict[str, int]  # size of each labelled video
    unlabelled: int  # videos in the folder without a label


def read_source(videos: Path, *, labels: Path | None = None) -> Source:
    """Labels of a folder of class folders, of a folder with a labels.csv, or of a CSV beside its videos."""
    if labels is None and videos.suffix.lower() == ".csv":
        root, labels = videos.parent, videos
    else:
        root = videos
        if labels is None and (videos / LABELS_FILE).is_file():
            labels = videos / LABELS_FILE
    root = Path(os.path.abspath(root))  # noqa: PTH100  (links stay: the folder keeps the name that the user gave)
    if not root.is_dir():
        raise DataError(f"{videos}: no such folder or CSV, must be videos in class folders or a CSV path,label[,split]")
    listed = scan(root)
    if not listed:
        raise DataError(f"{root}: holds no video file; see docs/your-videos.md for the suffixes")
    rows = _from_folders(root, listed) if labels is None else _from_csv(labels, root, listed)
    classes = {row.label for row in rows}
    if len(classes) < 2:
        raise DataError(f"{labels or root}: has the one class {min(classes)!r}, must have two or more")
    origin = "class folders" if labels is None else labels.name
    sizes = {item.path: item.bytes for item in listed}
    return Source(root, origin, tuple(rows), {row.path: sizes[row.path] for row in rows}, len(listed) - len(rows))


def _from_csv(path: Path, root: Path, listed: Sequence[Listed]) -> list[Labelled]:
    lines: dict[str, int] = {}
    rows = []
    for line, row in numbered_rows(path, ("path", "label"), optional=("split",)):
        where = f"{path}, line {line}"
        name = once(row["path"], line, lines, path=path)
        word = row.get("split", "")
        if word and word.lower() not in _SPLIT_WORDS:
            raise DataError(f"{where}: split {word!r} must be train, val or test, or empty: then one is drawn")
        rows.append(Labelled(name, check_label(row["label"], where=where), _SPLIT_WORDS.get(word.lower())))
    if not rows:
        raise DataError(f"{path}: holds no video, must have at least one row path,label[,split]")
    there = {item.path for item in listed}
    missing = [row.path for row in rows if row.path not in there]
    if missing:
        raise DataError(
            f"{path}: {len(missing)} of {len(rows)} videos are not in {root}:{_lines(missing)}\n"
            f"paths must be relative to that folder, with the suffix of a video; remove the rows of lost videos"
        )
    return rows


def _from_folders(root: Path, listed: Sequence[Listed]) -> list[Labelled]:
    """`CLASS/.../video.mp4`, or `train/CLASS/.../video.mp4` where the top folders are named like splits."""
    top = {item.path.split("/")[0].lower() for item in listed if "/" in item.path}
    depth = 1 if top <= _SPLIT_WORDS.keys() and "train" in {_SPLIT_WORDS[word] for word in top} else 0
    loose = [item.path for item in listed if item.path.count("/") <= depth]
    if loose:
        form = "train/CLASS/video.mp4" if depth else "CLASS/video.mp4"
        raise DataError(
            f"{root}: {len(loose)} videos lie in no class folder:{_lines(loose)}\n"
            f"must be {form}, or there must be a {LABELS_FILE} with path,label[,split]"
        )
    rows = []
    for item in listed:
        parts = check_id(item.path, where=str(root)).split("/")
        split = _SPLIT_WORDS[parts[0].lower()] if depth else None
        rows.append(Labelled(item.path, check_label(parts[depth], where=f"{root}/{item.path}"), split))
    return rows


def _lines(names: Sequence[str]) -> str:
    more = f"\n  and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "".join(f"\n  {name}" for name in names[:SHOWN]) + more
