"""Containers that are cut off, told by their own structure."""

from __future__ import annotations

from pathlib import Path

import pytest

from gsf.video.whole import is_cut_matroska, is_whole_avi
from tests.shared import needs_shared, shared_folder
from tests.video.clips import convert, run_ffmpeg, write_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", frames=12)


def test_an_avi_is_whole_until_it_is_cut(clip: Path, tmp_path: Path) -> None:
    avi = convert(clip, tmp_path / "x.avi", "-c:v", "mpeg4")
    assert is_whole_avi(avi)
    data = avi.read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[:-9])
    assert not is_whole_avi(tmp_path / "cut.avi")
    (tmp_path / "more.avi").write_bytes(data + b"\0" * 100)
    assert is_whole_avi(tmp_path / "more.avi")
    assert not is_whole_avi(clip)


@pytest.mark.parametrize("suffix", ["mkv", "webm"])
def test_a_matroska_file_is_cut_wherever_it_ends_early(clip: Path, tmp_path: Path, suffix: str) -> None:
    codec = ("-c", "copy") if suffix == "mkv" else ("-c:v", "libvpx", "-b:v", "200k")
    whole = convert(clip, tmp_path / f"x.{suffix}", *codec)
    data = whole.read_bytes()
    assert not is_cut_matroska(whole)
    for end in (300, len(data) // 3, len(data) - 1):
        (tmp_path / "cut").write_bytes(data[:end])
        assert is_cut_matroska(tmp_path / "cut"), end
    (tmp_path / "more").write_bytes(data + b"more")
    assert not is_cut_matroska(tmp_path / "more")


def test_nothing_is_said_of_a_streamed_matroska_file_or_another_container(clip: Path, tmp_path: Path) -> None:
    live = tmp_path / "live.mkv"
    run_ffmpeg("-i", clip, "-c", "copy", "-live", "1", "-f", "matroska", live)
    live.write_bytes(live.read_bytes()[:-100])
    assert not is_cut_matroska(live)
    assert not is_cut_matroska(clip)
    for content in (b"", b"\x1a", b"\x1a\x45\xdf\xa3", bytes(50)):
        (tmp_path / "odd").write_bytes(content)
        assert not is_cut_matroska(tmp_path / "odd")


@needs_shared
def test_real_files_are_whole() -> None:
    folder = shared_folder()
    assert folder is not None
    paths = sorted((folder / "real/quirks").iterdir())
    assert [path.name for path in paths if is_cut_matroska(path)] == []
    assert all(is_whole_avi(path) for path in paths if path.suffix == ".avi")
