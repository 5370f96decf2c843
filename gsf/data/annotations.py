"""Annotations: a CSV that says what each video shows and what it is used for.

Columns `path,label,split`, and where needed

* `id`: what the row is called; without it the path. Segments of one long video share their path.
* `start_frame,stop_frame`: the part of the video that the row is about, 0-based, the second one not in it;
* `fps`: frames a second at which those two count, `60` or `30000/1001`; without it they are the video's own frames.
* `sha256`: of the video, where the annotations commit to its bytes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

from gsf.data.columns import SPLITS, Split
from gsf.data.ids import check_id, check_label, shown
from gsf.data.listing import SUFFIXES
from gsf.errors import DataError

SHOWN = 10  # of many wrong names
REQUIRED = ("path", "label", "split")
OPTIONAL = ("id", "start_frame", "stop_frame", "fps", "sha256")
MAX_FRAME = 10**8  # a day at 1,000 frames a second
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FPS = re.compile(r"[1-9][0-9]{0,6}(/[1-9][0-9]{0,6}|\.[0-9]{1,6})?")
_SPLIT: Mapping[str, Split] = {split: split for split in SPLITS}


@dataclass(frozen=True, slots=True)
class Annotation:
    """One row: a video, or a segment of one."""

    path: str
    label: str
    split: Split
    id: str = ""  # never empty: the path where none is given
    start_frame: int | None = None  # 0-based; None with `stop_frame`: the whole video
    stop_frame: int | None = None  # the first frame behind the segment
    fps: Fraction | None = None  # at which those two count; None: the video's own frames
    sha256: str | None = None  # where the annotations commit to the bytes of the videos

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", self.path)


def read_annotations(path: Path) -> list[Annotation]:
    """The rows of an annotation file, in its order; DataError names the file, the line and the rule."""
    lines: dict[str, int] = {}
    labels: dict[str, str] = {}
    whole: dict[str, int] = {}
    cut: set[str] = set()
    found = []
    for line, row in numbered_rows(path, REQUIRED, optional=OPTIONAL):
        item = _annotation(row, f"{path}, line {line}", labels)
        _once(item.id, line, lines, path=path, what="id" if "id" in row else "path")
        if item.start_frame is None:
            whole[item.path] = line
        else:
            cut.add(item.path)
        found.append(item)
    if not found:
        raise DataError(f"{path}: holds no video, must have at least one row path,label,split")
    mixed = cut & whole.keys()
    if mixed:
        name = min(mixed)
        raise DataError(
            f"{path}, line {whole[name]}: path {name!r} is here as a whole and elsewhere as a segment, must be either"
        )
    return found


def _annotation(row: Mapping[str, str], where: str, labels: dict[str, str]) -> Annotation:
    """`labels` holds those that were checked, so that all rows of a class share one."""
    split = _SPLIT.get(row["split"])
    if split is None:
        raise DataError(f"{where}: split {shown(row['split'])} must be train, val or test")
    path = check_id(row["path"], where=where)
    name = check_id(row["id"], where=where, what="id") if "id" in row else path
    sha256 = row.get("sha256")
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise DataError(f"{where}: sha256 {shown(sha256)} must be 64 hexadecimal digits")
    start, stop, fps = _segment(row, where)
    label = labels.get(row["label"])
    if label is None:
        label = labels.setdefault(row["label"], check_label(row["label"], where=where))
    return Annotation(path, label, split, name, start, stop, fps, sha256)


def _segment(row: Mapping[str, str], where: str) -> tuple[int | None, int | None, Fraction | None]:
    texts = [row.get(name, "") for name in ("start_frame", "stop_frame")]
    fps = _rate(row.get("fps", ""), where)
    if not any(texts):
        if fps is not None:
            raise DataError(f"{where}: fps {row['fps']} must be empty for a whole video: no frame counts at it")
        return None, None, None
    numbers = [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 10]
    if len(numbers) != 2 or not numbers[0] < numbers[1] <= MAX_FRAME:
        raise DataError(
            f"{where}: start_frame {shown(texts[0])} and stop_frame {shown(texts[1])} must be two integers,"
            f" 0 <= start < stop <= {MAX_FRAME}"
        )
    return numbers[0], numbers[1], fps


@cache
def _fraction(text: str) -> Fraction:
    """One object for all rows of a rate."""
    return Fraction(text)


def _rate(text: str, where: str) -> Fraction | None:
    if not text:
        return None
    if not _FPS.fullmatch(text):
        raise DataError(f"{where}: fps {shown(text)} must be frames a second: 60, 59.94 or 30000/1001")
    return _fraction(text)


def numbered_rows(
    path: Path, columns: Sequence[str], *, optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a table written by people, each with the number of its line; read one by one, for tables of any length.

    No value may hold a line break, so that the n-th row is the n-th line; `check_id` and `check_label` see to it.
    DataError where the header or a row is not as expected, or the file is no UTF-8 table.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            _check_header(path, header, columns, optional)
            for line, row in enumerate(reader, start=2):
                if len(row) != len(header):
                    raise DataError(f"{path}, line {line}: has {len(row)} values, must have {len(header)}")
                yield line, dict(zip(header, row, strict=True))
    except FileNotFoundError:
        raise DataError(f"{path}: no such table; write it, or run the stage that does") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text: {error}") from None
    except csv.Error as error:
        raise DataError(f"{path}: is not a CSV table: {error}") from error


def _check_header(path: Path, header: Sequence[str], columns: Sequence[str], optional: Sequence[str]) -> None:
    extra = [name for name in header if name not in columns and name not in optional]
    missing = [name for name in columns if name not in header]
    if extra or missing or len(set(header)) != len(header):
        wanted = ",".join([*columns, *(f"[{name}]" for name in optional)])
        raise DataError(f"{path}: header is {shown(','.join(header))}, must be {wanted}")


def once(name: str, line: int, lines: dict[str, int], *, path: Path) -> str:
    """Check a path and that no earlier row has it; `lines` remembers where each was."""
    check_id(name, where=f"{path}, line {line}")
    _once(name, line, lines, path=path, what="path")
    return name


def _once(name: str, line: int, lines: dict[str, int], *, path: Path, what: str) -> None:
    earlier = lines.setdefault(name, line)
    if earlier != line:
        raise DataError(f"{path}, line {line}: {what} {name!r} is in line {earlier} already, must be there once")


def check_present(annotations: Iterable[Annotation], listed: Collection[str], *, source: Path, remedy: str) -> None:
    """Raise DataError where annotated videos are not among those `listed`."""
    missing = list(dict.fromkeys(item.path for item in annotations if item.path not in listed))
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
