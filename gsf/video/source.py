"""Where a stream of pictures comes from: a file, a camera or a pipe; and what may be in it."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gsf.errors import VideoError
from gsf.video.ffmpeg import CONTAINERS, safe_url

Kind = Literal["file", "camera", "pipe"]
# Containers that can be read from their start on, and say at which time each picture is to be seen.
TIMED = ("mpegts", "matroska", "flv", "nut", "ogg", "avi", "mov", "asf", "yuv4mpegpipe")
# Pictures one after the other, without times: the time at which one arrives counts.
RAW = ("mjpeg", "h264", "hevc", "obu")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_CAMERA = "video4linux2,v4l2"


@dataclass(frozen=True)
class Source:
    """A stream of pictures, as ffmpeg opens it."""

    name: str  # what errors call it
    url: str
    kind: Kind
    form: str | None  # what ffmpeg is told that it is; None: it looks itself
    allowed: str  # formats that it may turn out to be

    @property
    def live(self) -> bool:
        """Whether it goes on without waiting for whoever watches."""
        return self.kind != "file"

    @property
    def arrival_times(self) -> bool:
        """Whether the time of a picture is that of its arrival, because the stream holds none."""
        return self.form in RAW


def source_of(text: str, *, form: str | None = None) -> Source:
    """A path of a file, camera or named pipe, or `-` for the standard input.

    Args:
        text: as on the command line.
        form: the format of what a pipe sends, one of `TIMED` and `RAW`; None: found out among the timed ones.

    Raises:
        VideoError: a network address, something that is not there, or a format that is not allowed.
    """
    if _ADDRESS.match(text):
        raise VideoError(
            f"{text}: is a network address, must be a file, a camera such as /dev/video0, or - for a pipe: nothing is"
            " fetched from a network here; let the program that you trust with it fetch, such as"
            " `ffmpeg -i ADDRESS -c copy -f mpegts - | gsf stream - --model ...`"
        )
    if form is not None and form not in (*TIMED, *RAW):
        raise VideoError(f"--format is {form!r}, must be one of {', '.join((*TIMED, *RAW))}")
    path = Path(text)
    if text == "-" or path.is_fifo():
        name, url = ("the pipe", "pipe:0") if text == "-" else (path.name, safe_url(path))
        return Source(name, url, "pipe", form, form or ",".join((*TIMED, "webm,mp4")))
    if form is not None:
        raise VideoError(f"{text}: --format is for pipes, must be left out with a file or camera, which says it itself")
    if not path.exists():
        raise VideoError(f"{text}: is not there, must be a video file, a camera such as /dev/video0, or - for a pipe")
    if stat.S_ISCHR(path.stat().st_mode):
        return Source(text, str(path), "camera", "v4l2", _CAMERA)
    if not path.is_file():
        raise VideoError(f"{text}: is a folder or such, must be one video; `gsf predict` answers for folders")
    return Source(path.name, safe_url(path), "file", None, CONTAINERS)
