"""Which frames of a video make a clip (0-based indices; N frames, T segments, tick = N / T).

Protocols of Sudhakaran et al., TPAMI 2023, section 4; the random ten-clip test of the released code cannot be repeated,
so several clips are spread evenly instead. With N = 10, T = 4 (tick 2.5):

    frames             0 1 2 3 4 5 6 7 8 9
    centres              x   x     x   x      int(tick / 2 + tick * i)
    random             x .|. x|x .|. x        one of each N // T frames; the rest at the end is never drawn
    two clips, first   x   x     x   x        int(tick * i)
    second               x   x     x   x      int(tick * i + tick / 2)

A video is short where N < T. `repeat`, the published behaviour, shows frames several times in order (0 0 1 1 2 2);
`wrap` plays the video again from its start (0 1 2 0 1 2); `error` raises.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gsf.errors import DataError
from gsf.params.augment import ShortVideos

Indices = npt.NDArray[np.int64]
DENSE_WINDOW = 64  # frames


def segment_centres(num_frames: int, num_segments: int, *, short: ShortVideos = "repeat") -> Indices:
    """The frame in the middle of each segment, `int(tick / 2 + tick * i)`: `(T,)`.

    Raises:
        DataError: a short video, and `short` is "error".
    """
    centres: Indices = multi_clip(num_frames, num_segments, clips=1, short=short)[0]
    return centres


def segment_random(
    num_frames: int, num_segments: int, *, generator: np.random.Generator, short: ShortVideos = "repeat"
) -> Indices:
    """One random frame of each segment, `i * (N // T) + randint(N // T)`: `(T,)`.

    A short video uses `segment_centres`, and no random number.

    Raises:
        DataError: a short video, and `short` is "error".
    """
    _check(num_frames, num_segments)
    length = num_frames // num_segments
    if length == 0:
        return segment_centres(num_frames, num_segments, short=short)
    return np.arange(num_segments) * length + generator.integers(length, size=num_segments)


def multi_clip(num_frames: int, num_segments: int, *, clips: int, short: ShortVideos = "repeat") -> Indices:
    """`(K, T)` frames of K evenly offset clips: one clip takes the centres, K clips `int(tick * i + tick * k / K)`.

    A short video that wraps around starts its clips at `int(N * k / K)`.

    Raises:
        DataError: a short video, and `short` is "error".
    """
    _check(num_frames, num_segments)
    if num_frames < num_segments:
        _allow_short(num_frames, num_segments, short)
        if short == "wrap":
            starts = num_frames * np.arange(clips) // clips
            return _wrapped(starts[:, None] + np.arange(num_segments), num_frames)
    tick = num_frames / num_segments
    offsets = np.array([tick / 2]) if clips == 1 else tick * np.arange(clips) / clips
    return np.floor(offsets[:, None] + tick * np.arange(num_segments)).astype(np.int64)


def dense(num_frames: int, num_segments: int, *, clips: int, short: ShortVideos = "repeat") -> Indices:
    """`(K, T)` frames of K windows of 64 frames at stride `64 // T`, indices modulo N.

    As published, a video shorter than what a window spans wraps around; "repeat" and "wrap" are the same here.

    Raises:
        DataError: a video shorter than what a window spans, `stride * (T - 1) + 1`, and `short` is "error".
    """
    _check(num_frames, num_segments)
    stride = max(1, DENSE_WINDOW // num_segments)
    span = stride * (num_segments - 1) + 1
    if num_frames < span:
        _allow_short(num_frames, span, short)
    last = max(0, num_frames - DENSE_WINDOW)
    starts = np.array([last // 2]) if clips == 1 else np.linspace(0, last, clips).astype(np.int64)
    return _wrapped(starts[:, None] + stride * np.arange(num_segments), num_frames)


def _wrapped(indices: npt.NDArray[np.int64], num_frames: int) -> Indices:
    wrapped: Indices = indices % num_frames
    return wrapped


def _allow_short(num_frames: int, needed: int, short: ShortVideos) -> None:
    if short == "error":
        raise DataError(
            f"has {num_frames} frames, must have at least {needed} where short_videos is error;"
            " leave the video out of the annotations, or choose repeat or wrap"
        )


def _check(num_frames: int, num_segments: int) -> None:
    if num_frames < 1 or num_segments < 1:
        raise ValueError(f"{num_frames} frames in {num_segments} segments: both must be at least 1")
