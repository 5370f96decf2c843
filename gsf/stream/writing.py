"""Drawn pictures as a video file, or as a video on the standard output for a player to show."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import av
from PIL import Image

from gsf.errors import VideoError

FORMATS = {".mp4": "mp4", ".mkv": "matroska"}
_CLOCK = Fraction(1, 90_000)
# Fragments: a stream that is cut off leaves a file that plays, and no index grows in memory.
_OPTIONS = {"mp4": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}, "matroska": {"live": "1"}}
_CODING = {"preset": "veryfast", "crf": "23", "tune": "zerolatency", "g": "50"}


def check_target(target: str, *, read: Path | None = None) -> None:
    """VideoError where nothing can be written under this name, or where the file that is `read` has it."""
    if target == "-":
        return
    place = Path(target)
    if place.suffix.lower() not in FORMATS:
        raise VideoError(f"--out {target}: must end in {' or '.join(FORMATS)}, or be - for the standard output")
    if read is not None and place.exists() and place.samefile(read):
        raise VideoError(f"--out {target}: is the video that is read, must be another file")


class VideoWriter:
    """An H.264 video of pictures with their times, in a context that completes it.

    Args:
        target: a file whose name ends in .mp4 or .mkv, or `-`: Matroska on the standard output.
    """

    def __init__(self, target: str) -> None:
        check_target(target)
        self._form = "matroska" if target == "-" else FORMATS[Path(target).suffix.lower()]
        if target != "-":
            Path(target).parent.mkdir(parents=True, exist_ok=True)
        self._file: str | IO[bytes] = sys.stdout.buffer if target == "-" else f"file:{Path(target).absolute()}"
        self._size: tuple[int, int] | None = None
        self._last = -1

    def __enter__(self) -> Self:
        self._container = av.open(self._file, "w", format=self._form, options=_OPTIONS[self._form])
        return self

    def write(self, picture: Image.Image, seconds: float) -> None:
        """Add a picture that is seen from this time on; times must rise."""
        if self._size is None:
            self._stream = self._container.add_stream("libx264", rate=25, options=_CODING)
            self._stream.width, self._stream.height = self._size = picture.size
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.time_base = _CLOCK
            self._stream.codec_context.thread_count = 1
        if picture.size != self._size:
            picture = picture.resize(self._size)
        frame = av.VideoFrame.from_image(picture)
        self._last = max(self._last + 1, round(seconds / _CLOCK))
        frame.pts, frame.time_base = self._last, _CLOCK
        self._container.mux(self._stream.encode(frame))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._size is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        except OSError:  # the player was closed
            if error is None:
                raise
