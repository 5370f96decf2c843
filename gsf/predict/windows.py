"""The parts of a video that get an answer of their own: all of it, or windows that slide over it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gsf.errors import ParamsError, VideoError


@dataclass(frozen=True)
class Sliding:
    """Windows of so many seconds, one every `stride` seconds."""

    seconds: float
    stride: float

    def __post_init__(self) -> None:
        if not 0 < self.stride <= self.seconds:
            raise ParamsError(
                f"--window {self.seconds:g} --stride {self.stride:g}: must be seconds above 0, the stride at most the"
                " window, so that no frame is left out"
            )


@dataclass(frozen=True)
class Part:
    """Frames `[start, stop)` of a video, and their times in seconds where the frame rate is known."""

    start: int
    stop: int
    rate: Fraction | None

    @property
    def seconds(self) -> tuple[float, float] | None:
        return None if self.rate is None else (float(self.start / self.rate), float(self.stop / self.rate))


def parts(num_frames: int, rate: Fraction | None, sliding: Sliding | None, *, video: str) -> list[Part]:
    """The whole video, or its windows in order; the last one ends with the video.

    Raises:
        VideoError: windows are asked for and the file does not give its frame rate.
    """
    if sliding is None:
        return [Part(0, num_frames, rate)]
    if rate is None:
        raise VideoError(f"{video}: gives no frame rate, must give one for windows of seconds; leave --window out")
    length = max(1, round(sliding.seconds * rate))
    step = max(1, round(sliding.stride * rate))
    last = max(0, num_frames - length)
    starts = [*range(0, last, step), last]
    return [Part(start, min(start + length, num_frames), rate) for start in starts]
