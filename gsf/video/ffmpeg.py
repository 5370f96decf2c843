"""ffmpeg as a child process: frames of a video as JPEG over a pipe, and raw frames to a video.

Nothing that a file says can make ffmpeg open another file or the network, run without end or grow without bound: see
`_GUARDS` and `Limits`. One thread a process: two processes with one thread beat one process with two.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import IO, Any

import ffmpeg

from gsf.errors import VideoError
from gsf.video.jpeg import split_jpegs
from gsf.video.process import Running, chunks, kept

# Containers that hold one video in one file. Playlists and scripts (hls, concat, dash, image2, ...) are not among them.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,mpegts,mpeg,mpegvideo,m4v,asf,flv,ogg,dv,mxf,nut,ivf,gif,rm,swf,"
    "h264,hevc,av1,obu,yuv4mpegpipe,vc1,wtv,amv"
)
PROTOCOLS = "file,pipe"
_GUARDS = {"protocol_whitelist": PROTOCOLS, "format_whitelist": CONTAINERS, "err_detect": "explode", "threads": 1}
_SCALING = "bicubic+accurate_rnd+bitexact"
_COUNTS = re.compile(r"\(video\): (\d+) packets read .*?; (\d+) frames decoded; (\d+) decode errors")
_WRITTEN = re.compile(r"\(video\): (\d+) frames encoded; (\d+) packets muxed")
_BAD_LEVELS = ("[error]", "[fatal]", "[panic]")
_CHOSEN = re.compile(r"(\d+) frames in, (\d+) frames out; (\d+) frames dropped, (\d+) frames duplicated")
_MEMORY = (1 << 30, 128)  # bytes of address space that ffmpeg may have: fixed, and a pixel of the limit


@dataclass(frozen=True)
class Limits:
    """What decoding one video may cost; more makes it unreadable."""

    seconds: float  # wall clock
    frames: int
    pixels: int  # width x height of the source


@dataclass(frozen=True)
class Counts:
    """What ffmpeg says of a finished decoding."""

    packets: int  # read from the container
    decoded: int
    written: int


@cache
def executable() -> str:
    """Path of the ffmpeg in use: the imageio-ffmpeg wheel's, or the one that GSF_FFMPEG names."""
    named = os.environ.get("GSF_FFMPEG")
    if named:
        found = shutil.which(named)
        if found is None:
            raise VideoError(f"GSF_FFMPEG is {named!r}, must name an ffmpeg program; unset it to use the built-in one")
        return found
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


@cache
def build_line() -> str:
    """First line of `ffmpeg -version`: another build may give other JPEG bytes."""
    done = subprocess.run([executable(), "-version"], capture_output=True, stdin=subprocess.DEVNULL, check=False)
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    if done.returncode != 0 or not lines or not lines[0].startswith("ffmpeg version"):
        raise VideoError(f"{executable()}: does not answer -version as ffmpeg does; check GSF_FFMPEG")
    return lines[0].strip()


def safe_url(path: Path) -> str:
    """A name that ffmpeg takes for nothing but this file, whatever it looks like (`-x.mp4`, `http:x.mp4`)."""
    return f"file:{path.absolute()}"


def frames_command(
    path: str, *, short_side: int, quality: int, max_pixels: int, fps: float | None = None, target: str = "pipe:"
) -> list[str]:
    """The command that writes the frames of the video at `path` (an ffmpeg URL), upright and scaled, as JPEG.

    Every frame, or the one shown at each k / `fps` seconds: the last frame whose time is not later, where the first
    frame's time is 0. `setpts=N` numbers the frames, so that odd timestamps neither drop nor repeat one.
    """
    source = ffmpeg.input(path, **_GUARDS, max_pixels=max_pixels, **{"flags:v": "+bitexact"})
    picture = source["v:0"]
    if fps is not None:
        # Times rounded up to slots: slot k shows the last frame with time * fps <= k. `repr` is the number as written.
        rate = str(Fraction(repr(fps)))
        picture = picture.filter("setpts", "PTS-STARTPTS").filter("fps", fps=rate, round="up")
    picture = scaled(picture, short_side).filter("setpts", "N")
    form = {"format": "image2pipe"} if target == "pipe:" else {"format": "image2"}
    output = ffmpeg.output(
        picture,
        target,
        **form,
        **{
            "c:v": "mjpeg",
            "q:v": quality,
            "fps_mode": "passthrough",
            "enc_time_base": "filter",
            "flags:v": "+bitexact",
            "fflags": "+bitexact",
            "threads": 1,
        },
    )
    return _complete(output, "-loglevel", "level+verbose", "-xerror")


def scaled(picture: Any, short_side: int) -> Any:
    """A stream of pictures (of ffmpeg-python), scaled so that the short side has so many px, for the JPEG step."""
    short = str(short_side)
    return picture.filter(
        "scale",
        f"if(lte(iw,ih),{short},{_other_side('iw', 'ih')})",
        f"if(lte(iw,ih),{_other_side('ih', 'iw')},{short})",
        flags=_SCALING,
        out_range="pc",
        out_color_matrix="bt601",
    ).filter("format", "yuv420p")


def _other_side(this: str, short: str) -> str:
    """-1 keeps the aspect ratio; beyond 100:1, more than a JPEG can be wide: an error in place of a giant picture."""
    return f"if(gt({this},100*{short}),65535,-1)"


def _complete(output: Any, *options: str) -> list[str]:
    fixed = ("-hide_banner", "-nostdin", "-nostats", "-filter_threads", "1", *options)
    command: list[str] = output.global_args(*fixed).compile(cmd=executable())
    return command


class FrameStream:
    """The JPEG frames of one video, read while ffmpeg decodes it; memory does not grow with the video.

    Iterate it once; afterwards `counts` holds what ffmpeg said. Raises VideoError with the words of ffmpeg.
    """

    def __init__(
        self, path: Path, *, name: str, short_side: int, quality: int, limits: Limits, fps: float | None = None
    ) -> None:
        self._path, self._name, self._limits, self._all = path, name, limits, fps is None
        self._command = frames_command(
            safe_url(path), short_side=short_side, quality=quality, max_pixels=limits.pixels, fps=fps
        )
        self.counts: Counts | None = None

    def __iter__(self) -> Iterator[bytes]:
        received = 0
        with tempfile.TemporaryFile() as words, self._running(words) as child:
            for frame in split_jpegs(chunks(child.output), name=self._name):
                received += 1
                if received > self._limits.frames:
                    raise VideoError(
                        f"{self._name}: has more than {self._limits.frames} frames, the limit (max_frames)"
                    )
                yield frame
            code = child.wait()
            if child.timed_out:
                raise VideoError(
                    f"{self._name}: decoding took longer than {self._limits.seconds:g} s, the limit (max_seconds)"
                )
            text = self._readable(kept(words))
        self.counts = self._counts(code, text)
        if received != self.counts.written or received != self._expected(self.counts, text):
            raise VideoError(
                f"{self._name}: {received} frames arrived, ffmpeg decoded {self.counts.decoded}"
                f" and wrote {self.counts.written}, must be the same{'' if self._all else ', but for those left out'}"
            )

    def _running(self, words: IO[bytes]) -> Running:
        fixed, each = _MEMORY
        return Running(self._command, words, seconds=self._limits.seconds, memory=fixed + each * self._limits.pixels)

    def _expected(self, counts: Counts, text: str) -> int:
        """How many frames must have been written; -1 where ffmpeg's counts contradict each other."""
        if self._all:
            return counts.decoded
        said = [tuple(map(int, line)) for line in _CHOSEN.findall(text) if line[0] != "0"]
        if len(said) != 1:  # times would start anew with every change
            raise VideoError(
                f"{self._name}: changes the form of its pictures on the way, must not where extract.fps is set"
            )
        arrived, left, dropped, repeated = said[0]
        return left if arrived == counts.decoded and arrived - dropped + repeated == left else -1

    def _counts(self, code: int, text: str) -> Counts:
        errors = [line for line in text.splitlines() if any(level in line for level in _BAD_LEVELS)]
        read, written = _COUNTS.search(text), _WRITTEN.search(text)
        if code != 0 or errors or read is None or written is None or int(read[3]) > 0:
            raise VideoError(
                f"{self._name}: cannot be decoded: {_summary(errors) or f'ffmpeg ended with status {code}'}"
            )
        if int(written[1]) == 0:
            raise VideoError(f"{self._name}: cannot be decoded: holds no frame")
        return Counts(packets=int(read[1]), decoded=int(read[2]), written=int(written[1]))

    def _readable(self, text: str) -> str:
        """ffmpeg's words without what differs between machines: addresses in memory and the folder of the videos."""
        text = text.replace(safe_url(self._path), self._name).replace(str(self._path.absolute()), self._name)
        return re.sub(r" @ 0x[0-9a-f]+", "", text)


def _summary(errors: list[str]) -> str:
    """The first words of ffmpeg on what is wrong, each once."""
    unique = list(dict.fromkeys(re.sub(r"\[(error|fatal|panic)\] ?", "", line).strip() for line in errors))
    return "; ".join(unique[:3])[:400]


def encode_h264(path: Path, frames: Iterable[bytes], *, width: int, height: int, fps: int, qp: int) -> None:
    """Write RGB frames as an H.264 file whose bytes follow from the frames and the ffmpeg build.

    Every frame is coded by itself at a constant quantiser, so that no frame holds a trace of those around it.
    """
    raw = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", video_size=(width, height), framerate=fps)
    coded = {"c:v": "libx264", "preset": "veryfast", "qp": qp, "g": 1, "pix_fmt": "yuv420p", "threads": 1}
    output = ffmpeg.output(
        raw["v:0"].filter("scale", flags=_SCALING, out_color_matrix="bt601", out_range="tv"),
        safe_url(path),
        format="mp4",
        **coded,
        **{"fflags": "+bitexact", "flags:v": "+bitexact", "map_metadata": -1},
    )
    command = _complete(output.overwrite_output(), "-loglevel", "error")
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=words)
        assert process.stdin is not None
        try:
            for frame in frames:
                process.stdin.write(frame)
            process.stdin.close()
        except BrokenPipeError:
            pass  # ffmpeg has given up: its words follow
        finally:
            code = process.wait()
        if code != 0:
            raise VideoError(f"{path.name}: cannot be encoded: {kept(words).strip()[:400]}")
