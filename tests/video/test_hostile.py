"""Hostile and odd files end in frames or in a named exclusion, through the real stages.

Never in a hang, a crash of the stage, a connection, a look at another file, or more memory than the limit.
"""

from __future__ import annotations

import ctypes
import os
import random
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest

from gsf.data import inventory, listing
from gsf.errors import DataError, VideoError
from gsf.project import Project
from gsf.store import extract
from gsf.store.check import check_shard
from gsf.tables import read_table, write_table
from gsf.video import libav, process
from gsf.video.ffmpeg import FrameStream, Limits, executable, frames_command, safe_url
from gsf.video.probe import probe
from tests import test_isolated
from tests.video.clips import convert, run_ffmpeg, write_clip

PARAMS = """\
name: hostile
videos: videos
annotations: params/benchmarks/hostile.csv
shards: 1
on_unreadable: exclude
extract: {{short_side: 32, jpeg_quality: 5, fps: {fps}, max_seconds: 20, max_frames: 400, max_pixels: 2000000}}
labels: {{flip: free}}
"""
MARKER = b"This line must never be read by anything but its owner."


def outcome(root: Path, *, fps: str = "null") -> dict[str, str]:
    """Scan, inventory and extract all that lies in `root/videos`: the number of frames, or the reason, by name."""
    (root / "params/benchmarks").mkdir(parents=True, exist_ok=True)
    (root / "params/benchmarks/hostile.yaml").write_text(PARAMS.format(fps=fps))
    (root / "requirements.lock").write_text("")
    (root / "dvc.yaml").write_text("stages: {}\n")
    project = Project(root)
    rows = [(item.path, "class", "train") for item in listing.scan(root / "videos")]
    write_table(root / "params/benchmarks/hostile.csv", ("path", "label", "split"), rows)
    listing.run(project, "hostile")
    inventory.run(project, "hostile")
    extract.run(project, "hostile", "00", processes=2)
    assert check_shard(project.shard("hostile", "00")) == []
    table = {row["id"]: row for row in read_table(project.extracted("hostile", "00"), extract.COLUMNS)}
    assert set(table) == {row[0] for row in rows}
    for name, row in table.items():
        assert bool(row["reason"]) != bool(row["frames"]), row
        if row["reason"]:
            assert row["reason"].startswith(f"{name}: "), row
            assert str(root) not in row["reason"]
    return {name: row["reason"] or row["frames"] for name, row in table.items()}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", frames=12)


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    return folder


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


class Listener:
    """A server that only remembers whether somebody came."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.port, self.visits, self._stop = self._socket.getsockname()[1], 0, False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stop:
            try:
                self._socket.accept()[0].close()
                self.visits += 1
            except TimeoutError:
                continue

    def close(self) -> None:
        self._stop = True
        self._thread.join()
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


class Watch:
    """Whether anybody opened one of some files, as the kernel says (inotify)."""

    _OPENED = 0x20

    def __init__(self, *paths: Path) -> None:
        if not sys.platform.startswith("linux"):
            pytest.skip("needs inotify")
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        for path in paths:
            assert libc.inotify_add_watch(self._events, os.fsencode(path), self._OPENED) >= 0

    def opened(self) -> bool:
        try:
            return bool(os.read(self._events, 4096))
        except BlockingIOError:
            return False


SCRIPTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}\n#EXT-X-ENDLIST\n",
    "hls_key": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF:5,\nclip.mp4\n#EXT-X-ENDLIST\n',
    "hls_concat": "#EXTM3U\n#EXTINF:5,\nconcat:{url}|{url}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{url}'\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet '
    'contentType="video"><Representation id="1"><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period>'
    "</MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "asx": '<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
    "asf": "[Reference]\nRef1={url}?MSWMExt=.asf\n",
    "rtsp": "rtsp://127.0.0.1:{port}/x\n",
    "imf": '<?xml version="1.0"?><CompositionPlaylist><Annotation>{url}</Annotation></CompositionPlaylist>',
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}"/></svg>',
    "avisynth": 'DirectShowSource("{url}")\n',
    "lrc": "[re:{url}]\n[00:01.00]text\n",
}


def test_a_script_named_like_a_video_opens_nothing(
    clip: Path, tmp_path: Path, videos: Path, listener: Listener
) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(clip.read_bytes())
    text = tmp_path / "secret.txt"
    text.write_bytes(MARKER)
    targets = {
        "file": f"file://{secret}", "path": str(secret), "up": "../secret.mp4", "text": f"file:{text}",
        "http": f"http://127.0.0.1:{listener.port}/x.mp4", "tcp": f"tcp://127.0.0.1:{listener.port}",
    }  # fmt: skip
    for kind, script in SCRIPTS.items():
        for target, url in targets.items():
            content = script.format(url=url, port=listener.port)
            for suffix in (".mp4", ".ts") if target in ("file", "http") else (".avi",):
                (videos / f"{kind}_{target}{suffix}").write_text(content)
    watch = Watch(secret, text)
    found = outcome(tmp_path)
    assert not watch.opened()
    assert all(not text.isdigit() for text in found.values()), found
    assert listener.visits == 0
    secret.read_bytes()
    assert watch.opened()  # so it would have seen that
    assert not any(MARKER in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path != text)


def test_a_movie_whose_track_lies_elsewhere_stays_without_it(
    clip: Path, tmp_path: Path, videos: Path, listener: Listener
) -> None:
    """QuickTime may keep its samples in another file, named by a data reference."""
    data = convert(clip, tmp_path / "x.mov", "-c", "copy").read_bytes()
    # dref: an entry `url ` with flag 1 (in this file) becomes one with flag 0 and a location.
    at = data.index(b"url \x00\x00\x00\x01")
    (videos / "flag.mov").write_bytes(data[: at + 7] + b"\0" + data[at + 8 :])
    alias = data[:at] + b"alis\x00\x00\x00\x00" + data[at + 8 :]
    (videos / "alias.mov").write_bytes(alias)
    for name, text in outcome(tmp_path).items():
        assert text == "12" or not text.isdigit(), (name, text)
    assert listener.visits == 0


def box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


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


def patched_size(clip: Path, width: int, height: int) -> bytes:
    """A clip whose H.264 header, and container, declare another size."""
    y4m = b"YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\nFRAME\n" % (width, height)
    return y4m + bytes(1000)


def test_declared_sizes_cost_no_memory(clip: Path, tmp_path: Path, videos: Path) -> None:
    for width, height in ((65535, 65535), (30000, 30000), (1 << 30, 1 << 30), (2_000_001, 1), (16384, 8192)):
        (videos / f"{width}x{height}.y4m").write_bytes(patched_size(clip, width, height))
    data = bytearray(convert(clip, tmp_path / "x.avi", "-c:v", "mjpeg").read_bytes())
    at = data.index(b"\xff\xc0")
    while at >= 0:  # every picture says that it is 65500 x 65500
        data[at + 5 : at + 9] = (65500).to_bytes(2, "big") * 2
        at = data.find(b"\xff\xc0", at + 2)
    (videos / "giant.avi").write_bytes(data)
    found = outcome(tmp_path)
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


NAMES = ["with space.mp4", "%03d.mp4", "-leading.mp4", "-i.mp4", "quote'\".mp4", "weiß 日本.mp4", "a;b|c&d$(e).mp4",
         "[0:v].mp4", "*?.mp4", "http:x.mp4", "file:y.mp4", "pipe:.mp4", "concat:a|b.mp4", "~.mp4", "%s%n.mp4",
         ",=:.mp4", "data:x,y.mp4"]  # fmt: skip


def test_a_file_of_any_allowed_name_is_extracted(clip: Path, tmp_path: Path, videos: Path) -> None:
    for name in NAMES:
        (videos / name).write_bytes(clip.read_bytes())
    assert outcome(tmp_path) == dict.fromkeys(NAMES, "12")


@pytest.mark.parametrize("name", [b"new\nline.mp4", b"back\\slash.mp4", b"bell\x07.mp4", b"\xff\xfe.mp4"])
def test_a_name_that_cannot_be_an_id_is_an_error_that_names_it(
    clip: Path, tmp_path: Path, videos: Path, name: bytes
) -> None:
    (videos / os.fsdecode(name)).write_bytes(clip.read_bytes())
    with pytest.raises(DataError, match=r"must|rename"):
        outcome(tmp_path)


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
