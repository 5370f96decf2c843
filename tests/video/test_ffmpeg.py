"""Decoding through ffmpeg: every frame, upright, within limits, and nothing but the file that was named."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gsf.errors import VideoError
from gsf.video.ffmpeg import FrameStream, Limits, build_line, encode_h264, executable
from gsf.video.jpeg import jpeg_size
from tests.video.clips import convert, run_ffmpeg, write_clip

LIMITS = Limits(seconds=30, frames=1000, pixels=10_000_000)


def decode(path: Path, *, short_side: int = 36, limits: Limits = LIMITS) -> list[bytes]:
    return list(FrameStream(path, name=path.name, short_side=short_side, quality=3, limits=limits))


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), dtype=np.float32)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", frames=12)


def test_every_frame_arrives_and_counts_say_so(clip: Path) -> None:
    stream = FrameStream(clip, name="clip.mp4", short_side=36, quality=3, limits=LIMITS)
    frames = list(stream)
    assert len(frames) == 12
    assert stream.counts is not None
    assert (stream.counts.packets, stream.counts.decoded, stream.counts.written) == (12, 12, 12)


@pytest.mark.parametrize(("short_side", "size"), [(36, (48, 36)), (24, (32, 24)), (72, (96, 72))])
def test_short_side_is_as_asked_and_aspect_is_kept(clip: Path, short_side: int, size: tuple[int, int]) -> None:
    assert {jpeg_size(frame, name="x") for frame in decode(clip, short_side=short_side)} == {size}


def test_frames_are_the_same_bytes_on_every_run(clip: Path) -> None:
    assert decode(clip) == decode(clip)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_rotated_file_gives_upright_frames(clip: Path, tmp_path: Path, degrees: int) -> None:
    turned = tmp_path / "turned.mp4"
    run_ffmpeg("-display_rotation", str(degrees), "-i", clip, "-c", "copy", turned)
    upright, frame = pixels(decode(clip)[0]), pixels(decode(turned)[0])
    assert np.abs(np.rot90(upright, degrees // 90) - frame).mean() < 4  # counter-clockwise, as the option says


@pytest.mark.parametrize("name", ["-x.mp4", "http:x.mp4", "a%03d b.mp4", "concat:a|b.mp4", "weiß\n.mp4", "'\"[]*?.mp4"])
def test_a_file_of_any_name_is_only_that_file(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_bytes(clip.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert decode(Path(name)) == decode(clip)


@pytest.mark.parametrize(
    "script",
    [
        "ffconcat version 1.0\nfile '{}'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{}\n#EXT-X-ENDLIST\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet><Representation>'
        "<BaseURL>file://{}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".mpd", ".ffconcat"])
def test_a_playlist_does_not_open_another_file(clip: Path, tmp_path: Path, script: str, suffix: str) -> None:
    playlist = tmp_path / f"list{suffix}"
    playlist.write_text(script.format(clip))
    with pytest.raises(VideoError, match="cannot be decoded"):
        decode(playlist)


def test_a_file_that_is_no_video_is_an_error_with_name_and_words(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("hello\n" * 1000)
    with pytest.raises(VideoError, match=r"text\.mp4: cannot be decoded: .*Invalid data"):
        decode(tmp_path / "text.mp4")


def test_words_of_an_error_are_the_same_in_another_folder(tmp_path: Path) -> None:
    said = []
    for folder in ("a", "much/longer"):
        path = tmp_path / folder / "text.mp4"
        path.parent.mkdir(parents=True)
        path.write_text("hello\n" * 1000)
        with pytest.raises(VideoError) as caught:
            decode(path)
        said.append(str(caught.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("container", ["mp4", "avi", "mkv", "ts"])
def test_a_file_cut_off_is_an_error(clip: Path, tmp_path: Path, container: str) -> None:
    codec = ["-c:v", "mpeg4"] if container == "avi" else ["-c", "copy"]
    whole = convert(
        clip, tmp_path / f"whole.{container}", *codec, *(["-movflags", "+faststart"] if container == "mp4" else [])
    )
    assert len(decode(whole)) == 12
    data = whole.read_bytes()
    cut = tmp_path / f"cut.{container}"
    cut.write_bytes(data[: len(data) * 2 // 3 - 37])
    with pytest.raises(VideoError, match=r"cut\.[a-z0-9]+: "):
        decode(cut)


def test_damaged_bytes_are_an_error(clip: Path, tmp_path: Path) -> None:
    video = convert(clip, tmp_path / "x.avi", "-c:v", "mpeg4", "-g", "100")
    data = bytearray(video.read_bytes())
    middle = data.find(b"movi") + 3000
    data[middle : middle + 200] = bytes(byte ^ 0x5A for byte in data[middle : middle + 200])
    video.write_bytes(data)
    with pytest.raises(VideoError, match=r"x\.avi: cannot be decoded"):
        decode(video)


def test_too_many_frames_are_an_error_that_names_the_limit(clip: Path) -> None:
    with pytest.raises(VideoError, match=r"clip\.mp4: has more than 11 frames, the limit \(max_frames\)"):
        decode(clip, limits=Limits(seconds=30, frames=11, pixels=10_000))
    assert len(decode(clip, limits=Limits(seconds=30, frames=12, pixels=10_000))) == 12


def test_too_many_pixels_are_an_error(clip: Path) -> None:
    with pytest.raises(VideoError, match=r"clip\.mp4: cannot be decoded"):
        decode(clip, limits=Limits(seconds=30, frames=100, pixels=48 * 36 - 1))


def test_a_decoding_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    long = tmp_path / "long.mp4"
    run_ffmpeg("-f", "lavfi", "-i", "color=red:size=640x480:rate=25", "-t", "120", "-preset", "ultrafast", long)
    begin = time.monotonic()
    with pytest.raises(VideoError, match=r"long\.mp4: decoding took longer than 0\.2 s, the limit \(max_seconds\)"):
        decode(long, short_side=480, limits=Limits(seconds=0.2, frames=10_000, pixels=10_000_000))
    assert time.monotonic() - begin < 20


def test_a_picture_of_absurd_shape_is_an_error_and_not_a_giant(tmp_path: Path) -> None:
    thin = tmp_path / "thin.avi"
    run_ffmpeg("-f", "lavfi", "-i", "color=red:size=4x2000:rate=5", "-t", "1", "-c:v", "mpeg4", thin)
    with pytest.raises(VideoError, match=r"thin\.avi: cannot be decoded"):
        decode(thin, short_side=256)


def test_equal_timestamps_lose_no_frame(clip: Path, tmp_path: Path) -> None:
    odd = convert(clip, tmp_path / "odd.mkv", "-c", "copy", "-bsf:v", "setts=ts=floor(N/3)*1024")
    assert len(decode(odd)) == 12


def test_an_encoded_file_is_the_same_bytes_on_every_run(tmp_path: Path) -> None:
    one, two = write_clip(tmp_path / "a" / "x.mp4", seed=3), write_clip(tmp_path / "b" / "y.mp4", seed=3)
    assert one.read_bytes() == two.read_bytes()


def test_encoding_into_a_missing_folder_is_an_error_with_the_name(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"x\.mp4: cannot be encoded"):
        encode_h264(tmp_path / "none" / "x.mp4", [bytes(48 * 36 * 3)] * 9, width=48, height=36, fps=5, qp=20)


def test_another_ffmpeg_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert build_line().startswith("ffmpeg version")
    executable.cache_clear()
    try:
        monkeypatch.setenv("GSF_FFMPEG", "no-such-ffmpeg")
        with pytest.raises(VideoError, match="GSF_FFMPEG is 'no-such-ffmpeg'"):
            executable()
    finally:
        executable.cache_clear()
