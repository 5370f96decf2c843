"""What a video file says of itself, read by PyAV without decoding more than its first frame.

libav reads the file in a child process with a limit on time and memory: a file that crashes or hangs it is unreadable,
and the run goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from gsf.errors import VideoError
from gsf.isolated import ChildDiedError, TookTooLongError, call
from gsf.video import libav

MAX_PIXELS = 1 << 27  # that a first frame may have: 16384 x 8192
_SECONDS = 60.0
_MEMORY = 3 << 30  # bytes of address space


@dataclass(frozen=True)
class Probe:
    """Facts of one video."""

    frames: int | None  # as the container's header says; None where it does not
    fps: Fraction | None  # average; None where unknown
    width: int  # px, upright
    height: int  # px, upright
    rotation: int  # degrees clockwise that bring the stored picture upright: 0, 90, 180 or 270
    codec: str
    duration: float | None  # seconds; None where unknown


def probe(path: Path, *, name: str | None = None, max_pixels: int = MAX_PIXELS) -> Probe:
    """Probe the first video stream of a file.

    Args:
        path: the file.
        name: what errors call it; its file name unless given.
        max_pixels: width x height above which the file is refused, before anything is decoded.
    """
    found = _isolated(libav.facts, path, name or path.name, max_pixels=max_pixels)
    fps = None if found["fps"] is None else Fraction(*found["fps"])
    return Probe(**{**found, "fps": fps})


def header_frames(path: Path, *, name: str) -> int | None:
    """The number of frames that the header of a file gives; None where it gives none."""
    found: int | None = _isolated(libav.header_frames, path, name)
    return found


def _isolated(function: Callable[..., Any], path: Path, name: str, **arguments: int) -> Any:
    try:
        return call(function, seconds=_SECONDS, memory=_MEMORY, path=str(path.absolute()), name=name, **arguments)
    except TookTooLongError:
        raise VideoError(f"{name}: cannot be probed: took longer than {_SECONDS:g} s, the limit") from None
    except ChildDiedError as death:
        raise VideoError(f"{name}: cannot be probed: it crashes the library that reads videos ({death})") from None
