"""Hostile and odd files end in frames or in a named exclusion, through the real stages.

Never in a hang, a crash of the stage, a connection, a look at another file, or more memory than the limit.
"""

from __future__ import annotations

import os
import random
import resource
import time
from pathlib import Path

import pytest

from gsf.errors import DataError, VideoError
from gsf.video import libav, process
from gsf.video.ffmpeg import FrameStream, Limits, frames_command, safe_url
from gsf.video.probe import probe
from tests import test_isolated
from tests.video.boxes import box, resized
from tests.video.clips import convert, run_ffmpeg
from tests.video.outcome import outcome


def forms(clip: Path, folder: Path) -> dict[str, Path]:
    """The clip in the usual containers."""
    return {
        "mp4": convert(clip, folder / "clip_fast.mp4", "-c", "copy", "-movflags", "+faststart"),
        "avi": convert(clip, folder / "clip.avi", "-c:v", "mpeg4", "-g", "6"),
        "mkv": convert(clip, folder / "clip.mkv", "-c", "copy"),
        "ts": convert(clip, folder / "clip.ts", "-c", "copy"),
        "webm": convert(clip, folder / "clip.webm", "-c:v", "libvpx", "-b:v", "200k"),
    }


def test_a_file_cut_at_any_twentieth_is_excluded_or_complete(clip: Path, tmp_path: Path, videos: Path) -> None:
    for kind, path in forms(clip, tmp_path).items():
        data = path.read_bytes()
        for twentieth in range(20):
            (videos / f"{kind}_{twentieth:02d}.{kind}").write_bytes(data[: len(data) * twentieth // 20])
        (videos / f"{kind}_whole.{kind}").write_bytes(data)
    found = outcome(tmp_path)
    assert {name: text for name, text in found.items() if "whole" in name} == {
        f"{kind}_whole.{kind}": "12" for kind in ("mp4", "avi", "mkv", "ts", "webm")
    }
    # What a container without a count and a size (MPEG-TS) lost between two frames cannot be told.
    kept = {name: int(text) for name, text in found.items() if text.isdigit() and "whole" not in name}
    assert {name.split("_")[0] for name in kept} <= {"ts"}
    assert all(frames < 12 or "_19" in name for name, frames in kept.items())


def flipped(data: bytes, *, seed: int, share: float) -> bytes:
    draw = random.Random(seed)
    changed = bytearray(data)
    for _ in range(max(1, int(share * len(data)))):
        changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def campaign(clip: Path, tmp_path: Path, videos: Path, *, seeds: range) -> dict[str, str]:
    for kind, path in forms(clip, tmp_path).items():
        data = path.read_bytes()
        for seed in seeds:
            share = (0, 0.0005, 0.01)[seed % 3]
            (videos / f"{kind}_{seed:03d}.{kind}").write_bytes(flipped(data, seed=seed, share=share))
    return outcome(tmp_path)


def test_flipped_bytes_end_in_frames_or_an_exclusion(clip: Path, tmp_path: Path, videos: Path) -> None:
    found = campaign(clip, tmp_path, videos, seeds=range(9))
    assert len(found) == 45
    assert any(not text.isdigit() for text in found.values())


@pytest.mark.slow
def test_many_more_flipped_bytes_end_in_frames_or_an_exclusion(clip: Path, tmp_path: Path, videos: Path) -> None:
    assert len(campaign(clip, tmp_path, videos, seeds=range(9, 300))) == 5 * 291


def test_files_that_are_no_video_are_named(clip: Path, tmp_path: Path, videos: Path) -> None:
    (videos / "empty.mp4").write_bytes(b"")
    (videos / "text.mp4").write_text("hello\n" * 1000)
    (videos / "zeros.avi").write_bytes(bytes(100_000))
    (videos / "noise.mkv").write_bytes(random.Random(0).randbytes(50_000))
    (videos / "riff.avi").write_bytes(b"RIFF\xff\xff\xff\xffAVI LIST\xff\xff\xff\xffhdrl" + bytes(1000))
    (videos / "huge_box.mp4").write_bytes(
        box(b"ftyp", b"isom\0\0\0\0isom") + b"\0\0\0\x01moov" + (1 << 62).to_bytes(8, "big") + bytes(64)
    )
    nested = b""
    for _ in range(2000):
        nested = box(b"moov", nested)
    (videos / "nested.mp4").write_bytes(box(b"ftyp", b"isom\0\0\0\0isom") + nested)
    run_ffmpeg("-f", "lavfi", "-i", "sine=duration=1", videos / "sound.mp4")
    run_ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-f", "wav", videos / "sound.avi")
    run_ffmpeg("-f", "lavfi", "-i", "color=red:size=64x48", "-frames:v", "1", "-f", "image2", videos / "picture.ts")
    found = outcome(tmp_path)
    assert all(not text.isdigit() for text in found.values()), found
    assert "holds no video stream" in found["sound.mp4"]


def raw_frame(width: int, height: int) -> bytes:
    """A Y4M file that declares a size, and holds too little for it."""
    return b"YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\nFRAME\n" % (width, height) + bytes(1000)


def test_declared_sizes_cost_no_memory(clip: Path, tmp_path: Path, videos: Path) -> None:
    for width, height in ((65535, 65535), (30000, 30000), (1 << 30, 1 << 30), (2_000_001, 1), (16384, 8192)):
        (videos / f"{width}x{height}.y4m").write_bytes(raw_frame(width, height))
    data = bytearray(convert(clip, tmp_path / "x.avi", "-c:v", "mjpeg").read_bytes())
    at = data.index(b"\xff\xc0")
    while at >= 0:  # every picture says that it is 65500 x 65500
        data[at + 5 : at + 9] = (65500).to_bytes(2, "big") * 2
        at = data.find(b"\xff\xc0", at + 2)
    (videos / "giant.avi").write_bytes(data)
    found = outcome(tmp_path)
    assert all(not text.isdigit() for text in found.values()), found


@pytest.mark.parametrize("size", [8192, 16000, 1 << 16])  # the probe refuses the second one, libav itself the third
def test_sizes_declared_by_a_codec_cost_no_memory(clip: Path, tmp_path: Path, videos: Path, size: int) -> None:
    honest = convert(clip, tmp_path / "x.mp4", "-pix_fmt", "yuv420p", "-profile:v", "baseline").read_bytes()
    (videos / "honest.mp4").write_bytes(resized(honest, 48, 48, container=True))  # 48 x 36 is coded as that, and cut
    (videos / "stream.mp4").write_bytes(resized(honest, size, size, container=False))
    (videos / "both.mp4").write_bytes(resized(honest, size, size, container=True))
    data = bytearray(convert(clip, tmp_path / "x.webm", "-c:v", "libvpx", "-g", "1").read_bytes())
    at = data.index(b"\x9d\x01\x2a")
    while at >= 0:  # of VP8: every picture says that it is as large as 14 bits allow
        data[at + 3 : at + 7] = min(size, 0x3FFF).to_bytes(2, "little") * 2
        at = data.find(b"\x9d\x01\x2a", at + 2)
    (videos / "stream.webm").write_bytes(data)
    found = outcome(tmp_path)
    assert found.pop("honest.mp4") == "12"
    assert all(not text.isdigit() for text in found.values()), found


def test_memory_of_ffmpeg_is_limited(tmp_path: Path, videos: Path) -> None:
    """Pictures of 100 million pixels where 2 million are allowed: refused before anything of that size is there."""
    run_ffmpeg(
        "-f", "lavfi", "-i", "color=red:size=11000x9100:rate=1", "-frames:v", "1", "-c:v", "mjpeg", videos / "large.avi"
    )
    assert "pixels" in outcome(tmp_path)["large.avi"] or "cannot be" in outcome(tmp_path)["large.avi"]
    allowed = Limits(seconds=60, frames=10, pixels=1000)
    with pytest.raises(VideoError, match=r"large: cannot be decoded"):
        list(FrameStream(videos / "large.avi", name="large", short_side=32, quality=5, limits=allowed))


def test_a_still_of_ten_hours_is_one_frame_and_no_more_than_the_limit_at_a_rate(tmp_path: Path, videos: Path) -> None:
    still = ("-f", "lavfi", "-i", "color=red:size=64x48:rate=1/36000", "-frames:v", "2")
    run_ffmpeg(*still, "-fps_mode", "passthrough", videos / "still.mkv")
    run_ffmpeg("-f", "lavfi", "-i", "color=red:size=16x16:rate=10", "-t", "3600", "-g", "9999", videos / "long.mp4")
    begin = time.monotonic()
    assert outcome(tmp_path) == {
        "still.mkv": "2",
        "long.mp4": "long.mp4: has more than 400 frames, the limit (max_frames)",
    }
    found = outcome(tmp_path, fps="12")
    assert found["still.mkv"] == "still.mkv: has more than 400 frames, the limit (max_frames)"
    assert time.monotonic() - begin < 60


NAMES = ["with space.mp4", "%03d.mp4", "-leading.mp4", "-i.mp4", "quote'\".mp4", "weiß 日本.mp4", "a;b|c&d$(e).mp4",
         "[0:v].mp4", "*?.mp4", "http:x.mp4", "file:y.mp4", "pipe:.mp4", "concat:a|b.mp4", "~.mp4", "%s%n.mp4",
         ",=:.mp4", "data:x,y.mp4"]  # fmt: skip


def test_a_file_of_any_allowed_name_is_extracted(clip: Path, tmp_path: Path, videos: Path) -> None:
    for name in NAMES:
        (videos / name).write_bytes(clip.read_bytes())
    assert outcome(tmp_path) == dict.fromkeys(NAMES, "12")


@pytest.mark.parametrize("name", [b"new\nline.mp4", b"back\\slash.mp4", b"bell\x07.mp4"])
def test_a_name_that_cannot_be_an_id_is_an_error_that_names_it(
    clip: Path, tmp_path: Path, videos: Path, name: bytes
) -> None:
    (videos / os.fsdecode(name)).write_bytes(clip.read_bytes())
    with pytest.raises(DataError, match="must"):
        outcome(tmp_path)


def test_the_limit_on_memory_reaches_ffmpeg(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(resource, "prlimit"):
        pytest.skip("this system has no limits on another process")
    limits = Limits(seconds=20, frames=400, pixels=1_000_000)
    asked: list[dict[str, int]] = []

    def limit(pid: int, **wanted: int) -> None:
        real(pid, **wanted)
        asked.append({"had": resource.prlimit(pid, resource.RLIMIT_AS)[0], **wanted})

    real = process.limit
    monkeypatch.setattr(process, "limit", limit)
    assert len(list(FrameStream(clip, name="x", short_side=32, quality=5, limits=limits))) == 12
    assert asked[0]["had"] == asked[0]["memory"] == (1 << 30) + 128 * limits.pixels
    monkeypatch.setattr("gsf.video.ffmpeg._MEMORY", (200 << 20, 0))  # less than ffmpeg needs for its threads
    with pytest.raises(VideoError, match=r"^x: cannot be decoded"):
        list(FrameStream(clip, name="x", short_side=32, quality=5, limits=limits))


def test_probing_does_not_end_with_the_library_that_crashes(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libav, "facts", test_isolated.crash_on)
    with pytest.raises(VideoError, match=r"clip\.mp4: cannot be probed: it crashes the library"):
        probe(clip)


def test_no_shell_and_no_standard_input_in_the_command(clip: Path) -> None:
    command = frames_command(safe_url(clip), short_side=32, quality=5, max_pixels=1000)
    assert "-nostdin" in command
    assert command[command.index("-protocol_whitelist") + 1] == "file,pipe"
