"""Pictures in a stream are found whatever their bytes and however the stream is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsf.errors import VideoError
from gsf.video.jpeg import jpeg_size, split_jpegs


def segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


def picture(table: bytes, coded: bytes, *, width: int = 7, height: int = 5) -> bytes:
    """A picture as far as its structure goes; an FF in the coded data is stuffed, as encoders do."""
    header = b"\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\x01\x01\x11\x00"
    data = coded.replace(b"\xff", b"\xff\x00")
    parts = (segment(0xDB, table), segment(0xC0, header), segment(0xDA, b"\x01\x01\x00\x00\x3f\x00"))
    return b"\xff\xd8" + b"".join(parts) + data + b"\xff\xd9"


pictures = st.builds(
    picture,
    st.one_of(st.binary(max_size=40), st.just(b"\xff\xd9\xff\xd8\xff\xd9")),
    st.one_of(st.binary(max_size=60), st.just(b"\xff\xd9\xff")),
)


@given(st.lists(pictures, max_size=6), st.lists(st.integers(0, 900), max_size=12))
def test_any_pictures_come_back_from_a_stream_cut_anywhere(frames: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frames)
    edges = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    assert list(split_jpegs((stream[a:b] for a, b in pairwise(edges)), name="x")) == frames


def test_a_stream_of_single_bytes_comes_back() -> None:
    frames = [picture(b"\xff\xd9", b"a\xffb"), picture(b"", b"\xff")]
    stream = b"".join(frames)
    assert list(split_jpegs((stream[i : i + 1] for i in range(len(stream))), name="x")) == frames


def test_size_is_read_from_the_frame_header() -> None:
    assert jpeg_size(picture(b"\xff\xc0\xff\xd9", b"", width=319, height=240), name="x") == (319, 240)


@pytest.mark.parametrize("cut", [1, 3, 12, -1])
def test_an_incomplete_last_picture_is_an_error_with_the_name(cut: int) -> None:
    whole = picture(b"abc", b"def")
    with pytest.raises(VideoError, match=r"clip\.mp4: the last frame is incomplete"):
        list(split_jpegs([whole, whole[:cut]], name="clip.mp4"))


def test_bytes_that_are_no_picture_are_an_error_with_the_name() -> None:
    with pytest.raises(VideoError, match=r"clip\.mp4: is not a JPEG picture"):
        list(split_jpegs([b"hello world"], name="clip.mp4"))
