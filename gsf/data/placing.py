"""Where the frames of every annotated row lie: inventory and extractions joined, a column at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gsf.data.segments import Stored, exact_rate, stored_frames

_SEGMENT = ("id", "start_frame", "stop_frame", "segment_fps", "fps")


@dataclass(frozen=True)
class Shortened:
    """A segment that goes on behind the last stored frame of its video."""

    id: str
    frames: int  # that are there
    annotated: int  # that there should be, counted as they are stored


@dataclass(frozen=True)
class Placed:
    """By row of the inventory: its stored frames, or why there are none."""

    start: npt.NDArray[np.int64]  # first stored frame
    frames: npt.NDArray[np.int64]  # 0 where there is a reason
    reasons: dict[int, str]  # why a row is excluded
    shortened: tuple[Shortened, ...]

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """Which rows have frames."""
        usable = np.ones(len(self.frames), dtype=np.bool_)
        usable[list(self.reasons)] = False
        return usable


def place(inventory: pa.Table, extracted: pa.Table, *, stored_fps: float | None) -> Placed:
    """Find the stored frames of every row.

    Args:
        inventory: at least `id, path, fps, start_frame, stop_frame, segment_fps, problem`, as text.
        extracted: `id, frames, reason` of every extracted video; `frames` an integer.
        stored_fps: frames a second that are stored; None for all frames.
    """
    found = pc.index_in(inventory["path"], value_set=extracted["id"].combine_chunks()).combine_chunks()
    reasons = pc.coalesce(extracted["reason"].take(found), inventory["problem"])
    frames = pc.fill_null(extracted["frames"].take(found), 0).to_numpy().copy()
    excluded = np.flatnonzero(np.asarray(pc.not_equal(reasons, "")))
    why: dict[int, str] = {int(row): reasons[int(row)].as_py() for row in excluded}
    start = np.zeros(len(frames), dtype=np.int64)
    shortened = []
    for row, segment in _segments(inventory, frames, stored_fps):
        if row in why:
            continue
        if isinstance(segment, str):
            why[row] = segment
            continue
        start[row], frames[row] = segment.start, segment.frames
        if segment.lost:
            name = inventory["id"][row].as_py()
            shortened.append(Shortened(name, segment.frames, segment.frames + segment.lost))
    frames[list(why)] = 0
    return Placed(start, frames, dict(sorted(why.items())), tuple(shortened))


def _segments(
    inventory: pa.Table, available: npt.NDArray[np.int64], stored_fps: float | None
) -> Iterator[tuple[int, Stored | str]]:
    """Each row that is a segment, with its stored frames or the reason why it has none."""
    rows = np.flatnonzero(np.asarray(pc.not_equal(inventory["start_frame"], "")))
    columns = [inventory[name].take(pa.array(rows)).to_pylist() for name in _SEGMENT] if len(rows) else [[]] * 5
    rate = cache(exact_rate)
    extracted = None if stored_fps is None else rate(stored_fps)
    for row, name, start, stop, annotated, own in zip(rows.tolist(), *columns, strict=True):
        rates = _rates(rate(annotated) if annotated else None, rate(own) if own else None, extracted)
        if rates is None:
            yield row, f"{name}: its video gives no frame rate, which is needed to find frames {start} to {stop}"
            continue
        here = stored_frames(int(start), int(stop), annotated=rates[0], stored=rates[1], available=int(available[row]))
        yield row, here or f"{name}: begins at frame {start}, behind the last one of its video"


def _rates(
    annotated: Fraction | None, own: Fraction | None, extracted: Fraction | None
) -> tuple[Fraction | None, Fraction | None] | None:
    """Rates of the annotation and of the stored frames; None where one is needed that the video does not give."""
    if annotated is None and extracted is None:
        return None, None  # both count the frames of the video
    one, other = annotated or own, extracted or own
    return None if one is None or other is None else (one, other)
