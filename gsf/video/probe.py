"""What a video file says of itself, read by PyAV without decoding more than its first frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error

from gsf.errors import VideoError
from gsf.video.ffmpeg import CONTAINERS, PROTOCOLS, safe_url

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_OPTIONS = {"protocol_whitelist": PROTOCOLS, "format_whitelist": CONTAINERS}
_TIMEOUT = 30.0  # seconds to open a file
_PACKETS = 500  # in which the first frame must be


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


def probe(path: Path, *, name: str | None = None, max_pixels: int | None = None) -> Probe:
    """Probe the first video stream of a file.

    Args:
        path: the file.
        name: what errors call it; its file name unless given.
        max_pixels: width x height above which the file is refused, before anything is decoded.
    """
    shown = name or path.name
    try:
        with av.open(safe_url(path), options=_OPTIONS, metadata_errors="replace", timeout=_TIMEOUT) as container:
            stream = _video_stream(container, shown)
            width, height = stream.codec_context.width, stream.codec_context.height
            if width < 1 or height < 1:
                raise VideoError(f"{shown}: cannot be probed: its header gives no size")
            if max_pixels is not None and width * height > max_pixels:
                raise VideoError(
                    f"{shown}: has {width} x {height} pixels, more than {max_pixels}, the limit (max_pixels)"
                )
            rotation = _rotation(container, stream, shown)
            upright = (height, width) if rotation in (90, 270) else (width, height)
            return Probe(
                frames=_header_frames(stream),
                fps=stream.average_rate or None,
                width=upright[0],
                height=upright[1],
                rotation=rotation,
                codec=stream.codec_context.name,
                duration=_duration(container, stream),
            )
    except (av.error.FFmpegError, OSError, UnicodeError) as error:
        raise _unreadable(error, shown) from error


def header_frames(path: Path, *, name: str) -> int | None:
    """The number of frames that the header of a file gives; None where it gives none."""
    try:
        with av.open(safe_url(path), options=_OPTIONS, metadata_errors="replace", timeout=_TIMEOUT) as container:
            return _header_frames(_video_stream(container, name))
    except (av.error.FFmpegError, OSError, UnicodeError) as error:
        raise _unreadable(error, name) from error


def is_whole_avi(path: Path) -> bool:
    """Whether the file is an AVI whose chunks, by their own sizes, end within it.

    An AVI marks a dropped frame by an empty chunk, which its header counts and which holds no picture. So fewer frames
    than the header says are a loss only where the file is cut off.
    """
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            head = file.read(12)
            if len(head) < 12 or head[:4] != b"RIFF" or head[8:] not in (b"AVI ", b"AVIX"):
                return at > 0  # what follows a whole chunk is not part of the AVI
            length = int.from_bytes(head[4:8], "little")
            if length == 0:
                return False
            at += 8 + length + length % 2
    return at - 1 <= size


def _video_stream(container: InputContainer, name: str) -> VideoStream:
    if not container.streams.video:
        raise VideoError(f"{name}: cannot be probed: holds no video stream")
    return container.streams.video[0]


def _header_frames(stream: VideoStream) -> int | None:
    return stream.frames if stream.frames > 0 else None


def _rotation(container: InputContainer, stream: VideoStream, name: str) -> int:
    """From the display matrix, which PyAV gives with a decoded frame, in degrees counter-clockwise."""
    for count, packet in enumerate(container.demux(stream)):
        for frame in packet.decode():
            return round(-frame.rotation / 90) * 90 % 360
        if count >= _PACKETS:
            break
    raise VideoError(f"{name}: cannot be probed: no frame among its first {_PACKETS} packets")


def _duration(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration is not None else None


def _unreadable(error: Exception, name: str) -> VideoError:
    words = getattr(error, "strerror", None) or str(error)
    log = getattr(error, "log", None)
    more = f" ({log[2].strip()})" if log else ""
    return VideoError(f"{name}: cannot be probed: {words}{more}")
