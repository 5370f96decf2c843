"""Where labels of one's own videos come from: class folders, or a CSV `path,label[,split]`, of segments too."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from gsf.data.annotations import OPTIONAL, SHOWN, Annotation, numbered_rows, read_annotations
from gsf.data.columns import Split
from gsf.data.ids import check_id, check_label
from gsf.data.listing import Listed, scan
from gsf.errors import DataError
from gsf.tables import write_table

Kind = Literal["videos", "jpeg_folders"]  # `source` of a benchmark: files, or a folder of pictures each

LABELS_FILE = "labels.csv"
_SPLIT_WORDS: dict[str, Split] = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


@dataclass(frozen=True)
class Labelled:
    """A video, or a segment of one, with its class; `split` None where the source leaves it open."""

    id: str  # the path unless the source says otherwise
    path: str
    label: str
    split: Split | None
    more: tuple[str, ...] = ()  # what the source's further columns say of it
    is_segment: bool = False


@dataclass(frozen=True)
class Source:
    """Labelled videos below a folder."""

    root: Path  # absolute
    kind: Kind
    labels: Path | None  # the table of labels; None: class folders
    columns: tuple[str, ...]  # further ones of that table, which the annotations are to have too
    rows: tuple[Labelled, ...]
    bytes: dict[str, int]  # size of each labelled video
    unlabelled: int  # videos in the folder without a label

    @property
    def origin(self) -> str:
        """Where the labels come from, in words."""
        return "class folders" if self.labels is None else self.labels.name

    @property
    def has_segments(self) -> bool:
        return any(row.is_segment for row in self.rows)


def read_source(videos: Path, *, labels: Path | None = None, kind: Kind = "videos") -> Source:
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
    listed = scan(root, folders=kind == "jpeg_folders")
    if labels is None and kind == "jpeg_folders":
        listed = _without_empty_classes(root, listed)
    if not listed:
        raise _no_video(root, kind)
    columns: tuple[str, ...] = ()
    if labels is None:
        rows = _from_folders(root, listed, kind)
    else:
        columns, rows = _from_csv(labels)
        _check_there(labels, root, kind, {row.path for row in rows} - {item.path for item in listed}, rows)
    classes = {row.label for row in rows}
    if len(classes) < 2:
        raise DataError(f"{labels or root}: has the one class {min(classes)!r}, must have two or more")
    sizes = {item.path: item.bytes for item in listed}
    used = {row.path: sizes[row.path] for row in rows}
    return Source(root, kind, labels, columns, tuple(rows), used, len(listed) - len(used))


def _no_video(root: Path, kind: Kind) -> DataError:
    if kind == "jpeg_folders":
        return DataError(
            f"{root}: holds no folder of pictures, must hold VIDEO/00001.jpg and so on; see docs/frames.md, or leave"
            " --source out for video files"
        )
    pictures = (item.path for item in scan(root, folders=True) if _holds_pictures(root / item.path))
    found = next(pictures, None)
    if found is not None:
        return DataError(
            f"{root}: holds no video file, but pictures, as in {found}; where each folder of pictures is a video, say"
            " --source jpeg_folders"
        )
    return DataError(f"{root}: holds no video file; see docs/your-videos.md for the suffixes")


def _holds_pictures(folder: Path) -> bool:
    return any(item.suffix.lower() in (".jpg", ".jpeg") for item in folder.iterdir())


def _from_csv(path: Path) -> tuple[tuple[str, ...], list[Labelled]]:
    """The table's further columns, and its rows."""
    table, splits = [], []
    for line, row in numbered_rows(path, ("path", "label"), optional=("split", *OPTIONAL)):
        word = row.get("split", "")
        if word and word.lower() not in _SPLIT_WORDS:
            raise DataError(
                f"{path}, line {line}: split {word!r} must be train, val or test, or empty: then one is drawn"
            )
        table.append(row)
        splits.append(_SPLIT_WORDS.get(word.lower()))
    if not table:
        raise DataError(f"{path}: holds no video, must have at least one row path,label[,split]")
    columns = tuple(name for name in OPTIONAL if name in table[0])
    checked = _as_the_stages_read(path, table, splits, columns)
    return columns, [
        Labelled(
            id=item.id,
            path=item.path,
            label=item.label,
            split=split,
            more=tuple(row[name] for name in columns),
            is_segment=item.start_frame is not None,
        )
        for row, item, split in zip(table, checked, splits, strict=True)
    ]


def _as_the_stages_read(
    path: Path, table: Sequence[Mapping[str, str]], splits: Sequence[Split | None], columns: Sequence[str]
) -> list[Annotation]:
    """The rows under the rules of the inventory, which reads them next; an open split counts as train for that."""
    rows = [
        (row["path"], row["label"], split or "train", *(row[name] for name in columns))
        for row, split in zip(table, splits, strict=True)
    ]
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name  # with the same rows in the same lines
        write_table(copy, ("path", "label", "split", *columns), rows)
        try:
            return read_annotations(copy)
        except DataError as error:
            raise DataError(str(error).replace(str(copy), str(path))) from None


def _check_there(path: Path, root: Path, kind: Kind, missing: set[str], rows: Sequence[Labelled]) -> None:
    if missing:
        names = sorted(missing)
        form = "each that of a folder of pictures" if kind == "jpeg_folders" else "with the suffix of a video"
        are_pictures = kind == "videos" and any(
            (root / name).is_dir() and _holds_pictures(root / name) for name in names
        )
        hint = "; where each folder of pictures is a video, say --source jpeg_folders" if are_pictures else ""
        raise DataError(
            f"{path}: {len(missing)} of {len({row.path for row in rows})} videos are not in {root}:{_lines(names)}\n"
            f"paths must be relative to that folder, {form}; remove the rows of lost videos{hint}"
        )


def _depth(listed: Sequence[Listed]) -> int:
    """Of the folders of classes: 1 where the top folders are named like splits."""
    top = {item.path.split("/")[0].lower() for item in listed if "/" in item.path}
    return int(top <= _SPLIT_WORDS.keys() and "train" in {_SPLIT_WORDS[word] for word in top})


def _without_empty_classes(root: Path, listed: Sequence[Listed]) -> list[Listed]:
    """Without folders of classes that hold nothing, which a scan for folders of pictures takes for a video each."""
    depth = _depth(listed)
    return [item for item in listed if item.path.count("/") > depth or not _is_empty(root / item.path)]


def _is_empty(folder: Path) -> bool:
    return all(item.name.startswith(".") for item in folder.iterdir())


def _from_folders(root: Path, listed: Sequence[Listed], kind: Kind) -> list[Labelled]:
    """`CLASS/.../video.mp4`, or `train/CLASS/.../video.mp4` where the top folders are named like splits."""
    depth = _depth(listed)
    loose = [item.path for item in listed if item.path.count("/") <= depth]
    if loose:
        video = "VIDEO/00001.jpg" if kind == "jpeg_folders" else "video.mp4"
        raise DataError(
            f"{root}: {len(loose)} videos lie in no class folder:{_lines(loose)}\n"
            f"must be {'train/' if depth else ''}CLASS/{video}, or there must be a {LABELS_FILE} with"
            " path,label[,split]"
        )
    rows = []
    for item in listed:
        parts = check_id(item.path, where=str(root)).split("/")
        split = _SPLIT_WORDS[parts[0].lower()] if depth else None
        label = check_label(parts[depth], where=f"{root}/{item.path}")
        rows.append(Labelled(item.path, item.path, label, split))
    return rows


def _lines(names: Sequence[str]) -> str:
    more = f"\n  and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "".join(f"\n  {name}" for name in names[:SHOWN]) + more
