"""Pictures of a stream as JPEG, each with its time, read while ffmpeg decodes it.

The picture for the network goes the way of a stored frame (`gsf.video.ffmpeg.frames_command`): the same scaling and the
same JPEG step, so that a network sees on a stream what it sees of a file. ffmpeg writes three pipes in step:

    times  ----- "frame:0 pts:0", "frame:1 pts:83333", ...     microseconds
    frames ----- JPEG, JPEG, ...                               for the network
    views  ----- JPEG, JPEG, ...                               for people, where asked for

The guards are those for files: no other file and no network, a limit on pixels and on ffmpeg's memory. A stream may be
without end, so that its frames and seconds have no limit; a wait for the next picture has.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import ffmpeg

from gsf.errors import VideoError
from gsf.isolated import limit
from gsf.video.ffmpeg import PROTOCOLS, executable, scaled
from gsf.video.jpeg import split_jpegs
from gsf.video.source import RAW, Source

MAX_PIXELS = 8192 * 4320  # of a picture
VIEW = ((640, 1280), (360, 720))  # px, least and most: the width and the height of a picture for people
VIEW_RATE = 25.0  # pictures a second for people, at most
_MEMORY = (1 << 30, 128)  # bytes of address space that ffmpeg may have: fixed, and a pixel of the limit
_CHUNK = 1 << 18  # bytes of a read
_BAD = (b"[error]", b"[fatal]", b"[panic]", b"orrupt")  # in what ffmpeg says; most warnings mean no harm
_LINES = 50  # of ffmpeg's last words that are kept
_TIME = re.compile(rb"frame:\d+\s+pts:(-?\d+|\S+)")
_HINTS = (
    ("whitelist", f"; a stream without a container must be named: --format {', '.join(RAW)}"),
    ("partial file", "; an mp4 whose index comes last cannot be read from a pipe: name the file, or send mpegts"),
)
# For the encoder, which wants rising times, also where ffmpeg begins anew because the pictures change their size.
_RISING = "max(time(0)*1000000,if(isnan(PREV_OUTPTS),0,PREV_OUTPTS+1))"
_SLACK = 0.1  # of a slot, by which the time of a picture may be rounded


@dataclass(frozen=True)
class Wanted:
    """What is made of a stream.

    Attributes:
        short_side: px, of the pictures for the network.
        quality: of their JPEG step, ffmpeg's -q:v.
        rate: pictures a second that are taken, at most: the first of each slot of 1 / rate seconds.
        view: pictures for people too.
        realtime: a file is read at its own speed.
        patience: seconds of waiting for a picture, after which the stream counts as broken.
    """

    short_side: int
    quality: int
    rate: float
    view: bool = False
    realtime: bool = False
    patience: float = 60.0


@dataclass(frozen=True)
class Shot:
    """One picture of a stream."""

    seconds: float  # since the first picture, by the stream's own clock
    jpeg: bytes  # for the network
    view: bytes | None  # for people, JPEG


def live_command(source: Source, wanted: Wanted, *, times: int, views: int | None) -> list[str]:
    """The command; `times` and `views` are file descriptors of pipes, the frames go to its standard output."""
    picture = ffmpeg.input(source.url, **_input_options(source, wanted))["v:0"]
    slot, before = (f"floor(({t}-start_t)*{wanted.rate!r}+{_SLACK})" for t in ("t", "prev_selected_t"))
    picture = (
        picture.filter("settb", "AVTB")
        .filter("select", f"isnan(prev_selected_t)+not(eq({slot},{before}))")
        .filter("metadata", mode="add", key="gsf", value="0")  # without any, nothing would be printed
        .filter("metadata", mode="print", direct=1, file=f"pipe:{times}")
    )
    if views is None:
        outputs = [_output(scaled(picture, wanted.short_side), "pipe:1", quality=wanted.quality)]
    else:
        both = picture.filter_multi_output("split")
        outputs = [
            _output(scaled(both[0], wanted.short_side), "pipe:1", quality=wanted.quality),
            _output(_for_people(both[1]), f"pipe:{views}", quality=3),
        ]
    # A file is held to what an evaluation asks of it; a live stream may begin in the middle and lose packets.
    strict = () if source.live else ("-xerror",)
    fixed = ("-hide_banner", "-nostdin", "-nostats", "-filter_threads", "1", "-loglevel", "level+warning", *strict)
    command: list[str] = ffmpeg.merge_outputs(*outputs).global_args(*fixed).compile(cmd=executable())
    return command


def _input_options(source: Source, wanted: Wanted) -> dict[str, Any]:
    options: dict[str, Any] = {
        "protocol_whitelist": PROTOCOLS,
        "format_whitelist": source.allowed,
        "threads": 1,
        "max_pixels": MAX_PIXELS,
        "flags:v": "+bitexact",
    }
    if source.form is not None:
        options["f"] = source.form
    if not source.live:
        return options | {"err_detect": "explode"} | ({"re": None} if wanted.realtime else {})
    options |= {"fflags": "+discardcorrupt", "analyzeduration": 1_000_000}
    return options | ({"use_wallclock_as_timestamps": 1} if source.arrival_times else {})


def _for_people(picture: Any) -> Any:
    (narrow, wide), (low, high) = VIEW
    return picture.filter(
        "scale",
        f"clip(iw,{narrow},{wide})",
        f"clip(ih,{low},{high})",
        force_original_aspect_ratio="decrease",
        force_divisible_by=2,
        out_range="pc",
        out_color_matrix="bt601",
    ).filter("format", "yuv420p")


def _output(picture: Any, target: str, *, quality: int) -> Any:
    options = {"c:v": "mjpeg", "q:v": quality, "fps_mode": "passthrough", "enc_time_base": "filter", "threads": 1}
    exact = {"flags:v": "+bitexact", "fflags": "+bitexact", "flush_packets": 1}
    return ffmpeg.output(picture.filter("setpts", _RISING), target, **options, **exact, format="image2pipe")


class Shots:
    """The pictures of a stream, in a context that ends ffmpeg with it. Iterate it once.

    Memory does not grow with the stream: what is not taken waits in ffmpeg and in the stream's own pipe.

    Raises:
        VideoError: what arrives cannot be decoded, or nothing arrives for `patience` seconds.
    """

    def __init__(self, source: Source, wanted: Wanted) -> None:
        self._source, self._wanted = source, wanted
        self._said: deque[str] = deque(maxlen=_LINES)
        self.complaints = 0  # lines in which ffmpeg said that something is wrong

    def __enter__(self) -> Self:
        (times, write_times), (views, write_views) = os.pipe(), os.pipe()
        command = live_command(
            self._source, self._wanted, times=write_times, views=write_views if self._wanted.view else None
        )
        stdin = None if self._source.url == "pipe:0" else subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(write_times, write_views),
                bufsize=0,
            )
        finally:
            os.close(write_times)
            os.close(write_views)
        fixed, each = _MEMORY
        limit(self._process.pid, memory=fixed + each * MAX_PIXELS)
        self._times, self._views = times, views
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._listener.join()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        os.close(self._times)
        os.close(self._views)

    def stop(self) -> None:
        """End ffmpeg: whoever iterates comes to an end."""
        self._process.kill()
        self._process.wait()

    def __iter__(self) -> Iterator[Shot]:
        assert self._process.stdout is not None
        frames = split_jpegs(self._chunks(self._process.stdout.fileno()), name=self._source.name)
        views = split_jpegs(self._chunks(self._views), name=self._source.name)
        clock, count = _Clock(1 / self._wanted.rate), 0
        for microseconds in self._stamps():
            jpeg = next(frames, None)
            view = next(views, None) if self._wanted.view else None
            if jpeg is None or (self._wanted.view and view is None):
                break  # ffmpeg ended between the two: its words say why
            count += 1
            yield Shot(clock(microseconds), jpeg, view)
        self._check_end(count)

    def _stamps(self) -> Iterator[int | None]:
        rest = b""
        for chunk in self._chunks(self._times):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                found = _TIME.match(line)
                if found:
                    yield int(found[1]) if found[1].lstrip(b"-").isdigit() else None

    def _chunks(self, pipe: int) -> Iterator[bytes]:
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        while True:
            if not poll.poll(1000 * self._wanted.patience):
                raise VideoError(
                    f"{self._source.name}: no picture for {self._wanted.patience:g} s, the limit (--patience)"
                )
            chunk = os.read(pipe, _CHUNK)
            if not chunk:
                return
            yield chunk

    def _listen(self) -> None:
        """Keep the last words of ffmpeg; a hostile stream can cause any amount of them."""
        assert self._process.stderr is not None
        rest = b""
        while chunk := os.read(self._process.stderr.fileno(), 1 << 14):
            *lines, rest = (rest + chunk)[-(1 << 16) :].split(b"\n")
            bad = [line for line in lines if any(sign in line for sign in _BAD)]
            self.complaints += len(bad)
            self._said.extend(line.decode("utf-8", "replace") for line in bad)

    def _check_end(self, count: int) -> None:
        code = self._process.wait()
        self._listener.join()
        if count == 0 or (code != 0 and not self._source.live):
            words = "; ".join(dict.fromkeys(map(self._readable, self._said)))[:400]
            hint = next((hint for sign, hint in _HINTS if sign in words and self._source.kind == "pipe"), "")
            raise VideoError(
                f"{self._source.name}: cannot be decoded: {words or f'ffmpeg ended with status {code}'}{hint}"
            )

    def _readable(self, line: str) -> str:
        line = re.sub(r" @ 0x[0-9a-f]+", "", line.replace(self._source.url, self._source.name))
        return re.sub(r"\[(warning|error|fatal|panic)\] ?", "", line).strip()


class _Clock:
    """Seconds since the first picture, never backwards: a stream that starts anew goes on where it was."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._offset, self._last = 0.0, -step

    def __call__(self, microseconds: int | None) -> float:
        if microseconds is None:
            self._last += self._step
            return self._last
        if self._last < 0:
            self._offset = -microseconds / 1e6
        now = microseconds / 1e6 + self._offset
        if now <= self._last:
            self._offset += self._last + self._step - now
            now = self._last + self._step
        self._last = now
        return now
