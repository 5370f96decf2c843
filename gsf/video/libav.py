"""What libav reads of a video file, in the process that calls: `gsf.video.probe` calls it in a child process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from gsf.errors import VideoError
from gsf.video.ffmpeg import CONTAINERS, PROTOCOLS, safe_url

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_OPTIONS = {"protocol_whitelist": PROTOCOLS, "format_whitelist": CONTAINERS}
_TIMEOUT = 30.0  # seconds that libav may wait for the bytes of a file
_PACKETS = 500  # in which the first frame must be


def facts(path: str, name: str, max_pixels: int) -> dict[str, Any]:
    """The fields of `gsf.video.probe.Probe`, its `fps` as `[numerator, denominator]`."""
    try:
        with av.open(safe_url(Path(path)), options=_OPTIONS, metadata_errors="replace", timeout=_TIMEOUT) as container:
            stream = _video_stream(container, name)
            width, height = stream.codec_context.width, stream.codec_context.height
            if width < 1 or height < 1:
                raise VideoError(f"{name}: cannot be probed: its header gives no size")
            if width * height > max_pixels:
                raise VideoError(
                    f"{name}: has {width} x {height} pixels, more than {max_pixels}, the limit (max_pixels)"
                )
            rotation = _rotation(container, stream, name)
            upright = (height, width) if rotation in (90, 270) else (width, height)
            rate = stream.average_rate
            return {
                "frames": _header_frames(stream),
                "fps": [rate.numerator, rate.denominator] if rate else None,
                "width": upright[0],
                "height": upright[1],
                "rotation": rotation,
                "codec": stream.codec_context.name,
                "duration": _duration(container, stream),
            }
    except VideoError:
        raise
    except Exception as error:  # PyAV answers a hostile file with errors of any kind, AttributeError among them
        raise _unreadable(error, name) from error


def header_frames(path: str, name: str) -> int | None:
    """The number of frames that the header of a file gives; None where it gives none."""
    try:
        with av.open(safe_url(Path(path)), options=_OPTIONS, metadata_errors="replace", timeout=_TIMEOUT) as container:
            return _header_frames(_video_stream(container, name))
    except VideoError:
        raise
    except Exception as error:
        raise _unreadable(error, name) from error


def _video_stream(container: InputContainer, name: str) -> VideoStream:
    if not container.streams.video:
        raise VideoError(f"{name}: cannot be probed: holds no video stream")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise VideoError(f"{name}: cannot be probed: its codec is unknown")
    return stream


def _header_frames(stream: VideoStream) -> int | None:
    return stream.frames if stream.frames > 0 else None


def _rotation(container: InputContainer, stream: VideoStream, name: str) -> int:
    """From the display matrix, which PyAV gives with a decoded frame, in degrees counter-clockwise."""
    stream.codec_context.thread_count = 1  # one a core would not fit into the child's memory on a large machine
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
