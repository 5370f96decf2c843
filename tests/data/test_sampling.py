from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsf.data.sampling import dense, multi_clip, segment_centres, segment_random

frames = st.integers(1, 2000)
segments = st.integers(1, 64)


@given(frames, segments)
def test_centres_follow_the_published_formula(num_frames: int, num_segments: int) -> None:
    tick = num_frames / num_segments
    assert segment_centres(num_frames, num_segments).tolist() == [int(tick / 2 + tick * i) for i in range(num_segments)]


@given(frames, segments)
def test_two_clips_follow_the_published_formula(num_frames: int, num_segments: int) -> None:
    tick = num_frames / num_segments
    first, second = multi_clip(num_frames, num_segments, clips=2).tolist()
    assert first == [int(tick * i) for i in range(num_segments)]
    assert second == [int(tick * i + tick / 2) for i in range(num_segments)]


@given(frames, segments, st.integers(1, 12))
def test_every_index_is_a_frame_of_the_video(num_frames: int, num_segments: int, clips: int) -> None:
    generator = np.random.default_rng(0)
    for indices in (
        multi_clip(num_frames, num_segments, clips=clips),
        dense(num_frames, num_segments, clips=clips),
        segment_random(num_frames, num_segments, generator=generator),
    ):
        assert indices.min() >= 0
        assert indices.max() < num_frames
        assert indices.shape[-1] == num_segments


@given(st.integers(8, 500), st.integers(0, 2**31))
def test_random_sampling_takes_one_frame_of_each_segment_in_order(num_frames: int, seed: int) -> None:
    indices = segment_random(num_frames, 8, generator=np.random.default_rng(seed))
    length = num_frames // 8
    assert all(i * length <= index < (i + 1) * length for i, index in enumerate(indices))


def test_a_short_video_repeats_its_frames_in_order() -> None:
    indices = segment_random(3, 8, generator=np.random.default_rng(0)).tolist()
    assert indices == sorted(indices)
    assert set(indices) == {0, 1, 2}


def test_dense_windows_span_the_video() -> None:
    indices = dense(300, 8, clips=10)
    assert indices[0].tolist() == list(range(0, 64, 8))
    assert indices[-1, 0] == 300 - 64


@pytest.mark.parametrize(("num_frames", "num_segments"), [(0, 8), (8, 0)])
def test_nothing_to_sample_is_an_error_with_the_numbers(num_frames: int, num_segments: int) -> None:
    with pytest.raises(ValueError, match=f"{num_frames} frames in {num_segments} segments"):
        segment_centres(num_frames, num_segments)
