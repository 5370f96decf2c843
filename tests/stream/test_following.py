"""A network follows a stream: what it says, what it leaves out, and that it costs no more after an hour."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from gsf.data.views import cut_views
from gsf.errors import EvaluationError, VideoError
from gsf.evaluate.predict import forward_views
from gsf.params.benchmark import Extract
from gsf.params.protocol import Protocol
from gsf.predict.frames import VideoFrames
from gsf.stream.draw import overlay
from gsf.stream.following import Answered, Following
from gsf.stream.newest import WAITING, Handover
from gsf.stream.watcher import Watcher
from gsf.stream.writing import VideoWriter
from gsf.video.live import Shot, Wanted
from gsf.video.source import source_of
from tests.stream.test_shots import piped
from tests.stream.tiny import CLASSES, FPS, SIZE, TIME, clip, tiny_info, tiny_network, tiny_watcher
from tests.video.clips import run_ffmpeg

HOW = Extract(short_side=40, jpeg_quality=3, max_seconds=20, max_frames=100, max_pixels=100_000)
WANTED = Wanted(40, 3, rate=FPS, patience=20)


def follow(video: Path, wanted: Wanted = WANTED, behind: str = "wait") -> list[Answered]:
    following = Following(tiny_watcher(), source_of(str(video)), wanted, behind=behind)  # type: ignore[arg-type]
    return list(following.answers())


def offline(video: Path, frames: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """The clip of these frames as `gsf predict` cuts it, uint8, and the logits of the network on all of it at once."""
    protocol = Protocol(name="p", frames=TIME, clips=1, crops=1)
    decoded = VideoFrames(video, HOW, name="v")
    views = cut_views(decoded.decode, np.array([frames]), protocol=protocol, short_side=36, size=SIZE)
    decoded.close()
    with torch.inference_mode():
        logits = forward_views(tiny_network(), views[None], batch_size=1, device=torch.device("cpu"))
    return views[0], torch.from_numpy(logits[0, 0])


def test_a_picture_is_prepared_as_a_prediction_prepares_the_frame_of_a_file(tmp_path: Path) -> None:
    video = clip(tmp_path)
    views, _ = offline(video, list(range(TIME)))
    decoded = VideoFrames(video, HOW, name="v")
    watcher = tiny_watcher()
    for index in range(TIME):
        jpeg = list(_jpegs(video))[index]
        assert torch.equal(watcher.picture(jpeg, name="p"), views[index])
    decoded.close()


def _jpegs(video: Path) -> Iterator[bytes]:
    from gsf.store.decode import file_frames

    return file_frames(HOW, video, name="v")


def test_the_last_picture_of_a_clip_gets_what_the_network_says_of_the_clip(tmp_path: Path) -> None:
    video = clip(tmp_path)
    _, logits = offline(video, list(range(TIME)))
    found = follow(video)[TIME - 1]
    assert found.look is not None
    assert found.look.frames == TIME
    expected = torch.softmax(logits.double(), 0)
    said = dict(found.look.probabilities)
    assert expected.std() > 0.01
    torch.testing.assert_close(torch.tensor([said[name] for name in CLASSES]).double(), expected, atol=1e-6, rtol=1e-5)


def test_a_lower_rate_is_a_clip_of_fewer_frames(tmp_path: Path) -> None:
    video = clip(tmp_path)
    _, logits = offline(video, [0, 2, 4, 6])
    found = follow(video, Wanted(40, 3, rate=FPS / 2))
    assert [item.seconds for item in found] == pytest.approx([0, 0.2, 0.4, 0.6])
    assert found[-1].look is not None
    said = dict(found[-1].look.probabilities)
    torch.testing.assert_close(
        torch.tensor([said[name] for name in CLASSES]), torch.softmax(logits, 0), atol=1e-6, rtol=1e-5
    )


def test_a_network_that_looks_ahead_is_refused() -> None:
    with pytest.raises(EvaluationError, match=r"must be causal to follow a stream; train one.*`causal: true`"):
        Watcher(tiny_network(causal=False), tiny_info(causal=False), torch.device("cpu"))


def test_with_pictures_for_people_the_network_sees_the_same_ones(tmp_path: Path) -> None:
    video = clip(tmp_path)
    found = follow(video, Wanted(40, 3, rate=FPS / 2, view=True))
    assert len(found) == 8
    assert all(item.view is not None for item in found)
    fed = [item for item in found if item.look is not None]
    assert [item.look for item in fed] == [item.look for item in follow(video, Wanted(40, 3, rate=FPS / 2))]


class Source:
    """Pictures that arrive as fast as they are taken, once `go` is set; the first one at once."""

    def __init__(self, count: int, *, view: bytes | None = None) -> None:
        self._count, self._view = count, view
        self.sent = 0
        self.go, self.done = threading.Event(), threading.Event()

    def __iter__(self) -> Iterator[Shot]:
        for index in range(self._count):
            if index:
                assert self.go.wait(10)
            self.sent = index + 1
            yield Shot(index / 10, b"%d" % index, self._view)
        self.done.set()


def test_who_drops_gets_the_newest_picture_and_counts_the_others() -> None:
    source = Source(100)
    arriving = Handover(source, rate=None, behind="drop")
    taken = iter(arriving)
    first = next(taken)
    source.go.set()
    assert source.done.wait(10)  # nobody takes anything, and the stream goes on
    time.sleep(0.05)
    rest = list(taken)
    assert rest[-1].shot.jpeg == b"99"
    assert len(rest) == 1
    assert arriving.dropped == 100 - 1 - len(rest)
    assert first.shot.seconds < rest[0].shot.seconds


def test_who_waits_gets_every_picture_and_the_stream_waits_too() -> None:
    source = Source(100)
    arriving = Handover(source, rate=None, behind="wait")
    taken = iter(arriving)
    next(taken)
    source.go.set()
    assert not source.done.wait(0.3)
    assert source.sent <= WAITING + 2
    assert len(list(taken)) == 99
    assert arriving.dropped == 0


def test_pictures_that_are_only_shown_make_way_too() -> None:
    source = Source(200, view=b"v")
    arriving = Handover(source, rate=5, behind="drop")  # every second one is for the network
    taken = iter(arriving)
    next(taken)
    source.go.set()
    assert source.done.wait(10)
    time.sleep(0.05)
    assert [(item.shot.jpeg, item.fed) for item in taken] == [(b"198", True), (b"199", False)]
    assert arriving.dropped == 98


def test_a_picture_for_the_network_outlasts_any_number_of_those_that_are_only_shown() -> None:
    source = Source(200, view=b"v")
    arriving = Handover(source, rate=0.06, behind="drop")  # the first one, and 166 pictures after it
    taken = iter(arriving)
    next(taken)
    source.go.set()
    assert source.done.wait(10)
    time.sleep(0.05)
    rest = list(taken)
    assert len(rest) <= WAITING
    assert [item.shot.seconds for item in rest if item.fed] == pytest.approx([15.0], abs=0.3)
    assert arriving.dropped == 0


def test_an_error_of_the_stream_comes_behind_its_pictures() -> None:
    def broken() -> Iterator[Shot]:
        yield Shot(0.0, b"0", None)
        raise VideoError("broken")

    taken = iter(Handover(broken(), rate=None, behind="wait"))
    assert next(taken).shot.jpeg == b"0"
    with pytest.raises(VideoError, match="broken"):
        next(taken)


def test_a_slow_network_on_a_file_at_its_own_speed_drops_and_says_so(tmp_path: Path) -> None:
    watcher = tiny_watcher()
    look = watcher.__call__

    class Slow:
        def __call__(self, jpeg: bytes, *, name: str) -> object:
            time.sleep(0.35)
            return look(jpeg, name=name)

    video = clip(tmp_path, frames=16)
    wanted = Wanted(40, 3, rate=FPS, realtime=True)
    following = Following(Slow(), source_of(str(video)), wanted, behind="drop")  # type: ignore[arg-type]
    found = list(following.answers())
    summary = following.summary
    assert summary["dropped"] > 3
    assert summary["answers"] + summary["dropped"] == 16
    assert found[-1].seconds == pytest.approx(1.5)  # the newest
    assert all(item.behind is not None and item.latency is not None and item.latency >= 0.35 for item in found)
    assert summary["latency_p50_ms"] >= 350


def test_memory_stays_flat_over_thousands_of_pictures(tmp_path: Path) -> None:
    video = tmp_path / "long.mkv"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=s=48x36:r=100:d=30", "-c:v", "mjpeg", video)
    following = Following(tiny_watcher(), source_of(str(video)), Wanted(40, 3, rate=100), behind="wait")
    process, sizes = psutil.Process(), []
    for count, _ in enumerate(following.answers(), start=1):
        if count % 500 == 0:
            gc.collect()
            sizes.append(process.memory_info().rss)
    assert count == 3000
    assert max(sizes) - sizes[0] < 4 << 20
    assert following._watcher._stream.state_bytes() < 100_000


def test_memory_stays_flat_where_pictures_of_a_pipe_are_drawn_and_dropped(tmp_path: Path) -> None:
    long = tmp_path / "long.ts"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=s=48x36:r=25:d=48", "-c:v", "libx264", "-preset", "ultrafast", long)
    process, sizes = psutil.Process(), list[int]()
    with piped(tmp_path, long.read_bytes()) as fifo, VideoWriter(str(tmp_path / "out.mkv")) as writer:
        wanted = Wanted(40, 3, rate=5, view=True, patience=20)
        following = Following(tiny_watcher(), source_of(str(fifo)), wanted, behind="drop")
        for count, answered in enumerate(following.answers(), start=1):
            assert answered.view is not None
            said = answered.look.probabilities if answered.look is not None else ()
            writer.write(overlay(answered.view, said, "below"), answered.seconds)
            time.sleep(0.01)  # slower than the stream
            if count % 10 == 0:
                gc.collect()
                sizes.append(process.memory_info().rss)
    assert following.summary["dropped"] > 20
    assert len(sizes) > 3
    assert max(sizes[2:]) - sizes[2] < 5 << 20  # all that was dropped would be twice as much


def test_the_end_of_whoever_asks_ends_the_stream(tmp_path: Path) -> None:
    following = Following(tiny_watcher(), source_of(str(clip(tmp_path, frames=300))), WANTED, behind="wait")
    answers = following.answers()
    next(answers)
    before = threading.active_count()
    answers.close()
    assert threading.active_count() < before
    assert following.summary["answers"] == 1
    assert following.summary["answers_per_second"] < 10_000  # of the time that the one took
