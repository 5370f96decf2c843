"""The pictures of a stream: those of a shard, at their times; and what a stream must not do."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from gsf.errors import VideoError
from gsf.params.benchmark import Extract
from gsf.store.decode import file_frames
from gsf.stream.newest import Pace
from gsf.video.live import Shot, Shots, Wanted, live_command
from gsf.video.source import Source, source_of
from tests.stream.tiny import FPS, clip
from tests.video.clips import convert, run_ffmpeg

HOW = Extract(short_side=32, jpeg_quality=3, max_seconds=20, max_frames=100, max_pixels=100_000)
ALL = Wanted(32, 3, rate=FPS, patience=20)


def shots(source: Source | Path, wanted: Wanted = ALL) -> list[Shot]:
    with Shots(source if isinstance(source, Source) else source_of(str(source)), wanted) as stream:
        return list(stream)


@contextmanager
def piped(folder: Path, data: bytes, *, held: threading.Event | None = None) -> Iterator[Path]:
    """A named pipe into which these bytes go; it stays open until `held` is set."""
    fifo = folder / "pipe"
    os.mkfifo(fifo)

    def send() -> None:
        with fifo.open("wb") as file:
            file.write(data)
            file.flush()
            if held is not None:
                held.wait(20)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    yield fifo
    if held is not None:
        held.set()
    sender.join(20)


def test_pictures_are_those_of_a_shard_byte_by_byte(tmp_path: Path) -> None:
    video = clip(tmp_path)
    found = shots(video)
    assert [shot.jpeg for shot in found] == list(file_frames(HOW, video, name="v"))
    assert [shot.seconds for shot in found] == pytest.approx([index / FPS for index in range(8)], abs=1e-5)
    assert all(shot.view is None for shot in found)


def test_a_picture_that_lies_on_its_side_is_put_upright_as_in_a_shard(tmp_path: Path) -> None:
    turned = tmp_path / "turned.mp4"
    run_ffmpeg("-display_rotation", "90", "-i", clip(tmp_path), "-c", "copy", turned)
    found = [shot.jpeg for shot in shots(turned)]
    assert found == list(file_frames(HOW, turned, name="v"))
    assert Image.open(io.BytesIO(found[0])).size == (32, 43)


@pytest.mark.parametrize(("rate", "taken"), [(5, [0, 2, 4, 6]), (4, [0, 3, 5]), (2.5, [0, 4]), (100, list(range(8)))])
def test_a_rate_takes_the_first_picture_of_each_slot(tmp_path: Path, rate: float, taken: list[int]) -> None:
    video = clip(tmp_path)
    everything, found = shots(video), shots(video, Wanted(32, 3, rate=rate))
    assert found == [everything[index] for index in taken]
    pace = Pace(rate)
    assert [index for index, shot in enumerate(everything) if pace.takes(shot.seconds)] == taken


def test_pictures_for_people_come_with_those_for_the_network(tmp_path: Path) -> None:
    video = clip(tmp_path)
    found = shots(video, Wanted(32, 3, rate=FPS, view=True))
    assert [shot.jpeg for shot in found] == [shot.jpeg for shot in shots(video)]
    sizes = {Image.open(io.BytesIO(shot.view)).size for shot in found if shot.view is not None}
    assert sizes == {(480, 360)}


@pytest.mark.parametrize("form", ["mpegts", "matroska", "nut", "yuv4mpegpipe"])
def test_a_pipe_sends_what_a_file_holds(tmp_path: Path, form: str) -> None:
    video = clip(tmp_path)
    options = ("-f", form) if form == "yuv4mpegpipe" else ("-c", "copy", "-f", form)
    sent = convert(video, tmp_path / "sent", *options).read_bytes()
    with piped(tmp_path, sent) as fifo:
        found = shots(fifo)
    expected = shots(video)
    assert [shot.jpeg for shot in found] == [shot.jpeg for shot in expected]
    assert [shot.seconds for shot in found] == pytest.approx([shot.seconds for shot in expected], abs=0.002)


def test_pictures_without_a_container_must_be_named_and_have_the_times_of_their_arrival(tmp_path: Path) -> None:
    sent = convert(clip(tmp_path), tmp_path / "sent", "-c:v", "mjpeg", "-f", "mjpeg").read_bytes()
    with piped(tmp_path, sent) as fifo, pytest.raises(VideoError, match="must be named: --format mjpeg, h264"):
        shots(fifo)
    (tmp_path / "pipe").unlink()
    with piped(tmp_path, sent) as fifo:
        found = shots(source_of(str(fifo), form="mjpeg"), Wanted(32, 3, rate=1e9))
    assert len(found) == 8
    assert found[-1].seconds < 8 / FPS  # all were there at once


def test_a_stream_that_begins_anew_with_other_pictures_goes_on(tmp_path: Path) -> None:
    first, second = clip(tmp_path), tmp_path / "second.mp4"
    run_ffmpeg("-i", first, "-vf", "scale=36:48", second)
    parts = [convert(video, tmp_path / "sent", "-c", "copy", "-f", "mpegts").read_bytes() for video in (first, second)]
    with piped(tmp_path, b"".join(parts)) as fifo:
        found = shots(fifo)
    times = [shot.seconds for shot in found]
    assert len(found) >= 14
    assert times == sorted(set(times))
    assert times[-1] < 3


def test_a_stream_that_falls_silent_is_given_up(tmp_path: Path) -> None:
    sent = convert(clip(tmp_path), tmp_path / "sent", "-c", "copy", "-f", "mpegts").read_bytes()
    held = threading.Event()
    with (
        piped(tmp_path, sent[: len(sent) // 2], held=held) as fifo,
        pytest.raises(VideoError, match=r"pipe: no picture for 0\.5 s, the limit \(--patience\)"),
    ):
        shots(fifo, Wanted(32, 3, rate=FPS, patience=0.5))


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    secret = clip(tmp_path)
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\n{secret}\n")
    with pytest.raises(VideoError, match=r"list\.mp4: cannot be decoded"):
        shots(playlist)
    with piped(tmp_path, playlist.read_bytes()) as fifo, pytest.raises(VideoError, match="pipe: cannot be decoded"):
        shots(fifo)


def test_a_picture_beyond_the_limit_is_refused_before_it_costs_memory(tmp_path: Path) -> None:
    huge = tmp_path / "huge.mkv"
    run_ffmpeg("-f", "lavfi", "-i", "color=s=9000x5000:r=1:d=1", "-c:v", "mjpeg", "-q:v", "31", huge)
    with pytest.raises(VideoError, match="9000x5000 exceeds specified max pixel count 35389440"):
        shots(huge)


def test_a_damaged_file_is_an_error_and_a_damaged_stream_goes_on(tmp_path: Path) -> None:
    damaged = convert(clip(tmp_path, frames=40), tmp_path / "damaged.ts", "-c", "copy")
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 600] = bytes(600)
    damaged.write_bytes(data)
    with pytest.raises(VideoError, match=r"damaged\.ts: cannot be decoded"):
        shots(damaged)
    with piped(tmp_path, bytes(data)) as fifo, Shots(source_of(str(fifo)), ALL) as stream:
        found = list(stream)
        assert stream.complaints > 0
    assert 20 < len(found) < 45


@pytest.mark.parametrize(
    ("text", "form", "words"),
    [
        ("rtsp://camera/1", None, "is a network address.*ffmpeg -i ADDRESS -c copy -f mpegts - | gsf stream -"),
        ("nowhere.mp4", None, r"nowhere\.mp4: is not there"),
        (".", None, "is a folder"),
        ("-", "hls", "--format is 'hls', must be one of mpegts"),
        ("nowhere.mp4", "mjpeg", "--format is for pipes"),
    ],
)
def test_what_is_no_source_is_said(text: str, form: str | None, words: str) -> None:
    with pytest.raises(VideoError, match=words):
        source_of(text, form=form)


def test_a_camera_is_a_character_device_that_v4l2_opens() -> None:
    source = source_of("/dev/null")  # a character device, if no camera
    assert (source.kind, source.live) == ("camera", True)
    command = live_command(source, ALL, times=7, views=None)
    at = command.index("-i")
    assert command[at + 1] == "/dev/null"
    assert command[command.index("-f") + 1] == "v4l2"
    assert command.index("-f") < at
    assert "-xerror" not in command
    with pytest.raises(VideoError, match="/dev/null: cannot be decoded: ") as raised:
        shots(source)
    assert "Unknown input format" not in str(raised.value)  # an ffmpeg that can read a camera


def test_pictures_that_nobody_takes_end_with_the_context(tmp_path: Path) -> None:
    with Shots(source_of(str(clip(tmp_path, frames=200))), ALL) as stream:
        next(iter(stream))
        process = stream._process
    assert process.poll() is not None
