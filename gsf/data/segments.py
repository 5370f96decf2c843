"""Where a segment of a video lies among the frames that are stored of it.

Annotations count frames at one rate (that at which the authors extracted them), a shard may store another: all frames
of the video, or `extract.fps` of them a second. Frame i at rate r is on show from i / r to (i + 1) / r seconds, and
stored frame k is the one on show at k / r_stored. The segment [start, stop) lasts from start / r to stop / r, so it
holds the stored frames k with start / r <= k / r_stored < stop / r:

    first = ceil(start * r_stored / r)        end = ceil(stop * r_stored / r)

Segments that touch without overlap do so among the stored frames as well. One too short to hold a stored frame has the
frame on show at its beginning, floor(start * r_stored / r). With equal rates the numbers stay what they are.

                 0     1     2     3     4     5     6     7     8      frames at 10 a second
    annotated                [ start 2              stop 6 )
                 0           1           2           3           4      stored at 5 a second
    stored                   [ first 1        end 3 )
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

_SAME = Fraction(1, 100_000)  # relative; nearer rates are one rate, written with more or fewer digits


@dataclass(frozen=True, slots=True)
class Stored:
    """The stored frames of a segment: `frames` of them from `start` on."""

    start: int
    frames: int
    lost: int  # frames that the segment should have and the video does not


def exact_rate(rate: str | float | Fraction) -> Fraction:
    """A frame rate without the noise of its digits: 29.97, 29.970029 and 30000/1001 are one rate, 24.999999 is 25.

    A rate within a hundred thousandth of a whole number, or of a whole number times 1000/1001 (NTSC), is that.
    """
    value = Fraction(rate) if isinstance(rate, Fraction) else Fraction(str(rate))
    if value <= 0:
        raise ValueError(f"a frame rate is {rate}, must be > 0")
    for unit in (Fraction(1), Fraction(1000, 1001)):
        whole = round(value / unit)
        if whole and abs(value - whole * unit) <= value * _SAME:
            return whole * unit
    return value


def stored_frames(
    start: int, stop: int, *, annotated: Fraction | None, stored: Fraction | None, available: int
) -> Stored | None:
    """The stored frames of the segment [start, stop); None where it begins behind the last one.

    Args:
        start: first frame, counted from 0 at the rate `annotated`.
        stop: the frame after the last one.
        annotated: frames a second of the annotation.
        stored: frames a second of the shard; the two may be None where they are known to be the same.
        available: frames that are stored of the video.
    """
    if annotated == stored:
        first, end = start, stop
    else:
        if annotated is None or stored is None:
            raise ValueError("one of two frame rates is unknown, must be given to convert between them")
        ratio = stored / annotated
        first, end = _ceil(start * ratio), _ceil(stop * ratio)
        if first >= end:
            first = start * ratio.numerator // ratio.denominator
            end = first + 1
    if first >= available:
        return None
    return Stored(start=first, frames=min(end, available) - first, lost=max(0, end - available))


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)
