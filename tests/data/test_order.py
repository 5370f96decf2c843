from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gsf.data.order import in_order

CLIPS = np.array([[0, 3, 6, 9], [1, 4, 7, 10]])


def test_forward_changes_nothing() -> None:
    np.testing.assert_array_equal(in_order(CLIPS, "forward", video="a"), CLIPS)


def test_reversed_runs_each_clip_backwards() -> None:
    np.testing.assert_array_equal(in_order(CLIPS, "reversed", video="a"), [[9, 6, 3, 0], [10, 7, 4, 1]])


def test_frozen_repeats_the_middle_frame_of_each_clip() -> None:
    np.testing.assert_array_equal(in_order(CLIPS, "frozen", video="a"), [[6] * 4, [7] * 4])


@given(st.text(max_size=5), st.integers(0, 5), st.integers(2, 8))
def test_shuffled_clips_hold_the_same_frames_in_one_order_that_is_not_forward(
    video: str, seed: int, length: int
) -> None:
    clips = np.arange(2 * length).reshape(2, length)
    found = in_order(clips, "shuffled", video=video, seed=seed)
    np.testing.assert_array_equal(np.sort(found, axis=1), clips)
    np.testing.assert_array_equal(found[1] - length, found[0])
    assert not np.array_equal(found, clips)
    np.testing.assert_array_equal(found, in_order(clips, "shuffled", video=video, seed=seed))


def test_shuffled_orders_differ_by_video_and_by_seed_and_never_change() -> None:
    clip = np.arange(8)[None]
    orders = {tuple(in_order(clip, "shuffled", video=f"v{i}", seed=s)[0].tolist()) for i in range(20) for s in (0, 1)}
    assert len(orders) > 35
    assert in_order(clip, "shuffled", video="left/test_000.mp4")[0].tolist() == [2, 7, 6, 4, 0, 5, 3, 1]


def test_a_clip_of_one_frame_has_one_order() -> None:
    np.testing.assert_array_equal(in_order(np.array([[5]]), "shuffled", video="a"), [[5]])
