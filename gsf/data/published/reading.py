"""What a reader of published files returns, and the checks that all of them share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gsf.data.ids import shown
from gsf.data.subsets import Subset
from gsf.errors import DataError

Part = Literal["train", "val", "test"]  # of the benchmark as published
MAX_NUMBER = 10**8


@dataclass(frozen=True, slots=True)
class Row:
    """One published annotation that has a label."""

    id: str
    path: str  # below the folder of videos, as published; where the file really lies is looked up by its stem
    label: int  # position in the class order
    part: Part
    group: str  # videos that must not be parted: cut from one long video, or shot of one scene
    start_frame: int | None = None  # 0-based, in the numbering of the published frames
    stop_frame: int | None = None  # not in the segment
    fps: str = ""  # at which those two count


@dataclass(frozen=True, slots=True)
class ClassName:
    """A class; verb and noun are empty but for actions of both."""

    name: str
    verb: str = ""
    noun: str = ""


@dataclass(frozen=True)
class LeftOut:
    """Published rows that are not used."""

    part: str
    rows: int
    reason: str


@dataclass(frozen=True)
class Reading:
    """All that was read of one benchmark."""

    rows: Sequence[Row]
    classes: Sequence[ClassName]
    class_order: str  # in words
    version: str  # of the labels, in words
    totals: dict[Part, int | None]  # rows as published; None: no fixed number
    num_classes: int  # as published
    left_out: Sequence[LeftOut] = field(default_factory=tuple)
    notes: Sequence[str] = field(default_factory=tuple)
    subsets: Sequence[Subset] = field(default_factory=tuple)  # of the validation or test rows, for metrics of their own
    subset_rules: Sequence[str] = field(default_factory=tuple)  # where each comes from, in words


class Once:
    """Sees to it that no id is given twice."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._seen: dict[str, str] = {}

    def add(self, name: str, where: str) -> str:
        """Return `name`; DataError where it was added before."""
        earlier = self._seen.setdefault(name, where)
        if earlier is not where:
            raise DataError(f"{where}: {self._what} {shown(name)} is in {earlier} already, must be there once")
        return name


def number(text: object, *, where: str, what: str, low: int = 0, high: int = MAX_NUMBER) -> int:
    """A whole number from a file: digits as text, or an integer of JSON."""
    value = -1
    if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 12:
        value = int(text)
    elif isinstance(text, int) and not isinstance(text, bool):
        value = text
    if not low <= value <= high:
        raise DataError(f"{where}: {what} {shown(str(text))} must be an integer from {low} to {high}")
    return value


def distinct(names: Iterable[str], *, where: str) -> dict[str, int]:
    """Class names with their positions; DataError where one is there twice."""
    found: dict[str, int] = {}
    for name in names:
        if name in found:
            raise DataError(f"{where}: class {shown(name)} is there twice, must be once")
        found[name] = len(found)
    if not found:
        raise DataError(f"{where}: holds no class, must have the classes of the benchmark")
    return found
