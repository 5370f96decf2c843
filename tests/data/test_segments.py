from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsf.data.segments import exact_rate, stored_frames

rates = st.sampled_from([Fraction(n) for n in (5, 12, 24, 25, 50, 60)] + [Fraction(n, 1001) for n in (30000, 60000)])
numbers = st.integers(0, 20_000)


@settings(deadline=None)
@given(start=numbers, length=st.integers(1, 500), annotated=rates, stored=rates)
def test_a_segment_holds_the_stored_frames_that_are_on_show_during_it(
    start: int, length: int, annotated: Fraction, stored: Fraction
) -> None:
    found = stored_frames(start, start + length, annotated=annotated, stored=stored, available=10**9)
    assert found is not None
    begin, end = start / annotated, (start + length) / annotated
    inside = [k for k in range(max(0, found.start - 2), found.start + found.frames + 2) if begin <= k / stored < end]
    if inside:
        assert inside == list(range(found.start, found.start + found.frames))
    else:  # shorter than the time between two stored frames: the one on show when it begins
        assert found.frames == 1
        assert found.start / stored <= begin < (found.start + 1) / stored


@settings(deadline=None)
@given(cuts=st.lists(numbers, min_size=3, max_size=8, unique=True), annotated=rates, stored=rates)
def test_segments_that_touch_share_no_frame_and_leave_none_out(
    cuts: list[int], annotated: Fraction, stored: Fraction
) -> None:
    cuts = sorted(cut * 60 for cut in cuts)  # each holds a stored frame
    found = [
        stored_frames(one, two, annotated=annotated, stored=stored, available=10**9)
        for one, two in itertools.pairwise(cuts)
    ]
    for one, two in itertools.pairwise(found):
        assert one is not None
        assert two is not None
        assert one.start + one.frames == two.start


@settings(deadline=None)
@given(start=numbers, length=st.integers(1, 500), rate=st.one_of(st.none(), rates))
def test_with_one_rate_the_numbers_stay(start: int, length: int, rate: Fraction | None) -> None:
    found = stored_frames(start, start + length, annotated=rate, stored=rate, available=10**6)
    assert found is not None
    assert (found.start, found.frames, found.lost) == (start, length, 0)


@settings(deadline=None)
@given(start=numbers, length=st.integers(1, 500), available=st.integers(0, 20_000), annotated=rates, stored=rates)
def test_a_segment_never_leaves_its_video_and_says_what_it_lost(
    start: int, length: int, available: int, annotated: Fraction, stored: Fraction
) -> None:
    whole = stored_frames(start, start + length, annotated=annotated, stored=stored, available=10**9)
    found = stored_frames(start, start + length, annotated=annotated, stored=stored, available=available)
    assert whole is not None
    if whole.start >= available:
        assert found is None
    else:
        assert found is not None
        assert found.start == whole.start
        assert 1 <= found.frames <= available - found.start
        assert found.frames + found.lost == whole.frames


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("30000/1001", Fraction(30000, 1001)),
        (29.97, Fraction(30000, 1001)),
        ("29.970029", Fraction(30000, 1001)),
        (59.94005994005994, Fraction(60000, 1001)),
        (24.999999, Fraction(25)),
        (12, Fraction(12)),
        (12.5, Fraction(25, 2)),
        (0.5, Fraction(1, 2)),
    ],
)
def test_the_digits_of_a_rate_make_no_other_rate(written: str | float, meant: Fraction) -> None:
    assert exact_rate(written) == meant


def test_a_rate_that_is_unknown_or_not_above_zero_is_an_error() -> None:
    with pytest.raises(ValueError, match="one of two frame rates is unknown"):
        stored_frames(1, 2, annotated=Fraction(5), stored=None, available=9)
    with pytest.raises(ValueError, match="must be > 0"):
        exact_rate("0")
