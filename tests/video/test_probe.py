"""What a file says of itself, and the errors of files that say nothing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from gsf.errors import VideoError
from gsf.video.probe import header_frames, probe
from tests.shared import needs_shared, shared_folder
from tests.video.clips import convert, run_ffmpeg, write_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", frames=12)


def test_facts_of_a_clip(clip: Path) -> None:
    found = probe(clip)
    assert (found.frames, found.fps, found.width, found.height) == (12, Fraction(10), 48, 36)
    assert (found.rotation, found.codec, found.duration) == (0, "h264", 1.2)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_size_of_a_rotated_file_is_that_of_its_upright_frames(clip: Path, tmp_path: Path, degrees: int) -> None:
    turned = tmp_path / "turned.mp4"
    run_ffmpeg("-display_rotation", str(degrees), "-i", clip, "-c", "copy", turned)
    found = probe(turned)
    assert found.rotation == (360 - degrees) % 360  # the option counts counter-clockwise
    assert (found.width, found.height) == ((48, 36) if degrees == 180 else (36, 48))


def test_a_container_without_a_count_says_none(clip: Path, tmp_path: Path) -> None:
    mkv = convert(clip, tmp_path / "x.mkv", "-c", "copy")
    assert probe(mkv).frames is None
    assert header_frames(mkv, name="x.mkv") is None


@pytest.mark.parametrize("content", [b"", b"hello\n" * 500, b"ffconcat version 1.0\nfile clip.mp4\n"])
def test_what_is_no_video_is_an_error_with_the_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.mp4").write_bytes(content)
    with pytest.raises(VideoError, match=r"some/bad\.mp4: cannot be probed"):
        probe(tmp_path / "bad.mp4", name="some/bad.mp4")


def test_sound_alone_is_an_error(tmp_path: Path) -> None:
    run_ffmpeg("-f", "lavfi", "-i", "sine=duration=1", tmp_path / "sound.m4a")
    with pytest.raises(VideoError, match=r"sound\.m4a: cannot be probed: holds no video stream"):
        probe(tmp_path / "sound.m4a")


def test_too_many_pixels_are_an_error_before_decoding(clip: Path) -> None:
    with pytest.raises(VideoError, match=r"has 48 x 36 pixels, more than 1000, the limit \(max_pixels\)"):
        probe(clip, max_pixels=1000)


@needs_shared
def test_files_that_break_decoders_are_probed() -> None:
    folder = shared_folder()
    assert folder is not None
    found = {path.name: probe(path) for path in sorted((folder / "real/quirks").iterdir())}
    turned = found["rotated_176x144_odd_rate.mp4"]
    assert (turned.rotation, turned.width, turned.height, turned.fps) == (90, 144, 176, Fraction(630000, 47809))
    assert found["no_frame_count_in_header.mkv"].frames is None
    assert found["hmdb51_Turnk_r_Pippi_Michel_cartwheel_f_cm_np2_le_med_6.avi"].frames == 84
