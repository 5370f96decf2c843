"""Odd but healthy files give all their frames, and a frame rate those that are shown at its times."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av

from gsf.video.ffmpeg import FrameStream, Limits, executable, safe_url
from tests.video.clips import convert, run_ffmpeg
from tests.video.outcome import outcome

ODD = {
    "odd.mp4": ("-vf", "scale=47:35", "-pix_fmt", "yuv444p"),
    "tiny.avi": ("-vf", "scale=2:2", "-c:v", "mpeg4"),
    "narrow.mkv": ("-vf", "scale=8:400", "-c:v", "ffv1"),
    "interlaced.ts": ("-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-r", "25"),
    "alpha.mov": ("-c:v", "qtrle", "-pix_fmt", "argb"),
    "alpha.webm": ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-cpu-used", "8"),
    "full444.mp4": ("-pix_fmt", "yuvj444p"),
    "ten_bit.mp4": ("-pix_fmt", "yuv420p10le"),
    "twelve_bit.mkv": ("-c:v", "ffv1", "-pix_fmt", "yuv444p12le"),
    "grey.avi": ("-c:v", "mjpeg", "-pix_fmt", "gray"),
    "rgb.avi": ("-c:v", "rawvideo", "-pix_fmt", "bgr24"),
    "palette.gif": (),
    "variable.mkv": ("-c", "copy", "-bsf:v", "setts=ts=N*N*700"),
    "equal.mkv": ("-c", "copy", "-bsf:v", "setts=ts=floor(N/3)*1000"),
    "anamorphic.mp4": ("-vf", "setsar=16/11"),
    "prores.mov": ("-c:v", "prores_ks"),
    "theora.ogv": ("-c:v", "libtheora"),
    "b_frames.mp4": ("-bf", "3", "-g", "12"),
    "sound_first.mkv": ("-f", "lavfi", "-i", "sine=duration=2", "-map", "1:a", "-map", "0:v"),
}


def test_odd_but_healthy_files_give_all_their_frames(clip: Path, tmp_path: Path, videos: Path) -> None:
    encoders = subprocess.run([executable(), "-hide_banner", "-encoders"], capture_output=True, check=True).stdout
    made = {name: options for name, options in ODD.items() if "libtheora" not in options or b"libtheora" in encoders}
    for name, options in made.items():
        run_ffmpeg("-i", safe_url(clip), *options, safe_url(videos / name))
    found = outcome(tmp_path)
    wanted = dict.fromkeys(made, "12")
    wanted["interlaced.ts"] = "30"  # of 1.2 s at 25 a second
    assert found == wanted


def times(path: Path) -> list[Fraction]:
    """When each frame is shown, in seconds from the first."""
    with av.open(str(path)) as container:
        pts = [frame.pts * Fraction(frame.time_base) for frame in container.decode(video=0)]
    return [time - pts[0] for time in pts]


def test_the_times_of_a_variable_rate_choose_the_frames(clip: Path, tmp_path: Path, videos: Path) -> None:
    """Frame k is the last one that begins no later than k / fps."""
    path = convert(clip, videos / "x.mkv", "-c", "copy", "-bsf:v", "setts=ts=(N*N+3)*100")
    starts = times(path)
    assert len(starts) == len(set(starts)) == 12
    limits = Limits(seconds=20, frames=400, pixels=1_000_000)
    every = list(FrameStream(path, name="x", short_side=32, quality=5, limits=limits))
    for fps in (5.0, 12.5, 29.97):
        stream = FrameStream(path, name="x", short_side=32, quality=5, limits=limits, fps=fps)
        chosen = list(stream)
        for k, frame in enumerate(chosen):
            shown = max(n for n in range(12) if starts[n] <= k / Fraction(str(fps)))
            assert frame == every[shown], (fps, k, shown)
        assert stream.counts is not None
        assert stream.counts.decoded == 12
        assert len(chosen) == stream.counts.written > starts[-1] * fps
        assert chosen == list(FrameStream(path, name="x", short_side=32, quality=5, limits=limits, fps=fps))


def test_a_rate_far_above_or_below_the_source_repeats_or_leaves_out(clip: Path) -> None:
    limits = Limits(seconds=20, frames=400, pixels=1_000_000)
    every = list(FrameStream(clip, name="x", short_side=32, quality=5, limits=limits))
    for fps, step in ((10.0, [*range(12)]), (5.0, [*range(0, 12, 2)]), (20.0, [n // 2 for n in range(24)]), (0.5, [0])):
        chosen = list(FrameStream(clip, name="x", short_side=32, quality=5, limits=limits, fps=fps))
        assert chosen == [every[n] for n in step], fps
