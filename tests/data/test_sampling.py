from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsf.data.sampling import dense, multi_clip, segment_centres, segment_random
from gsf.errors import DataError

frames = st.integers(1, 2000)
segments = st.integers(1, 64)
clip_counts = st.integers(2, 12)


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


@given(frames, segments, clip_counts)
def test_more_clips_are_offset_evenly(num_frames: int, num_segments: int, clips: int) -> None:
    tick = num_frames / num_segments
    wanted = [[int(tick * i + tick * k / clips) for i in range(num_segments)] for k in range(clips)]
    assert multi_clip(num_frames, num_segments, clips=clips).tolist() == wanted


@given(st.integers(64, 2000), st.integers(1, 64))
def test_ten_dense_clips_follow_the_published_formula(num_frames: int, num_segments: int) -> None:
    starts = [int(start) for start in np.linspace(0, max(0, num_frames - 64), 10)]
    stride = 64 // num_segments
    wanted = [[(start + stride * i) % num_frames for i in range(num_segments)] for start in starts]
    assert dense(num_frames, num_segments, clips=10).tolist() == wanted


@given(frames, segments, st.integers(1, 12), st.sampled_from(["repeat", "wrap"]))
def test_every_index_is_a_frame_of_the_video(num_frames: int, num_segments: int, clips: int, short: str) -> None:
    generator = np.random.default_rng(0)
    for indices in (
        multi_clip(num_frames, num_segments, clips=clips, short=short),
        dense(num_frames, num_segments, clips=clips, short=short),
        segment_random(num_frames, num_segments, generator=generator, short=short),
    ):
        assert indices.min() >= 0
        assert indices.max() < num_frames
        assert indices.shape[-1] == num_segments


@given(frames, segments, st.integers(1, 12))
def test_clips_run_forwards_in_steps_that_differ_by_one_frame_at_most(
    num_frames: int, num_segments: int, clips: int
) -> None:
    steps = np.diff(multi_clip(num_frames, num_segments, clips=clips), axis=1)
    assert (steps >= 0).all()
    if steps.size:
        assert steps.max() - steps.min() <= 1


@given(segments, st.integers(1, 12), st.integers(0, 500))
def test_clips_share_no_frame_where_there_are_enough(num_segments: int, clips: int, more: int) -> None:
    indices = multi_clip(num_segments * clips + more, num_segments, clips=clips)
    assert len(np.unique(indices)) == indices.size


@given(st.integers(8, 500), st.integers(0, 2**31))
def test_random_sampling_takes_one_frame_of_each_segment_in_order(num_frames: int, seed: int) -> None:
    indices = segment_random(num_frames, 8, generator=np.random.default_rng(seed))
    length = num_frames // 8
    assert all(i * length <= index < (i + 1) * length for i, index in enumerate(indices))


def test_random_sampling_draws_every_frame_of_a_segment_as_often() -> None:
    generator = np.random.default_rng(0)
    drawn = np.stack([segment_random(32, 8, generator=generator) for _ in range(4000)]) % 4
    shares = np.stack([(drawn == place).mean(axis=0) for place in range(4)])
    assert abs(shares - 0.25).max() < 0.03


def test_the_same_generator_state_draws_the_same_frames() -> None:
    one, other = (segment_random(100, 8, generator=np.random.default_rng([3, 1, 4])) for _ in range(2))
    assert one.tolist() == other.tolist()


def test_a_short_video_repeats_its_frames_in_order() -> None:
    indices = segment_random(3, 8, generator=np.random.default_rng(0)).tolist()
    assert indices == segment_centres(3, 8).tolist() == [0, 0, 0, 1, 1, 2, 2, 2]


def test_a_short_video_can_play_again_from_its_start() -> None:
    assert segment_centres(3, 8, short="wrap").tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert multi_clip(4, 6, clips=2, short="wrap").tolist() == [[0, 1, 2, 3, 0, 1], [2, 3, 0, 1, 2, 3]]


@given(segments, st.integers(0, 500), st.integers(1, 5))
def test_how_short_videos_are_shown_changes_no_other(num_segments: int, more: int, clips: int) -> None:
    num_frames = num_segments + more
    repeat, wrap, error = (
        multi_clip(num_frames, num_segments, clips=clips, short=short).tolist() for short in ("repeat", "wrap", "error")
    )
    assert repeat == wrap == error


def test_a_short_video_can_be_an_error_with_the_numbers() -> None:
    with pytest.raises(DataError, match="has 7 frames, must have at least 8"):
        segment_random(7, 8, generator=np.random.default_rng(0), short="error")
    with pytest.raises(DataError, match="has 56 frames, must have at least 57"):
        dense(56, 8, clips=10, short="error")


def test_dense_windows_span_the_video() -> None:
    indices = dense(300, 8, clips=10)
    assert indices[0].tolist() == list(range(0, 64, 8))
    assert indices[-1, 0] == 300 - 64


@pytest.mark.parametrize(("num_frames", "num_segments"), [(0, 8), (8, 0)])
def test_nothing_to_sample_is_an_error_with_the_numbers(num_frames: int, num_segments: int) -> None:
    with pytest.raises(ValueError, match=f"{num_frames} frames in {num_segments} segments"):
        segment_centres(num_frames, num_segments)
