"""Which frames of a video make a clip (0-based indices; N frames, T segments, tick = N / T).

Protocols of Sudhakaran et al., TPAMI 2023, section 4; the random ten-clip test of the released code cannot be repeated,
so several clips are spread evenly instead.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
DENSE_WINDOW = 64  # frames


def segment_centres(num_frames: int, num_segments: int) -> Indices:
    """The frame in the middle of each segment, `int(tick / 2 + tick * i)`: `(T,)`."""
    centres: Indices = multi_clip(num_frames, num_segments, clips=1)[0]
    return centres


def segment_random(num_frames: int, num_segments: int, *, generator: np.random.Generator) -> Indices:
    """One random frame of each segment, `i * (N // T) + randint(N // T)`: `(T,)`.

    A video with fewer frames than segments uses the centres, so that frames repeat.
    """
    _check(num_frames, num_segments)
    length = num_frames // num_segments
    if length == 0:
        return segment_centres(num_frames, num_segments)
    return np.arange(num_segments) * length + generator.integers(length, size=num_segments)


def multi_clip(num_frames: int, num_segments: int, *, clips: int) -> Indices:
    """`(K, T)` frames of K evenly offset clips: one clip takes the centres, K clips `int(tick * i + tick * k / K)`."""
    _check(num_frames, num_segments)
    tick = num_frames / num_segments
    offsets = np.array([tick / 2]) if clips == 1 else tick * np.arange(clips) / clips
    return np.floor(offsets[:, None] + tick * np.arange(num_segments)).astype(np.int64)


def dense(num_frames: int, num_segments: int, *, clips: int) -> Indices:
    """`(K, T)` frames of K windows of 64 frames at stride `64 // T`, indices modulo N."""
    _check(num_frames, num_segments)
    stride = max(1, DENSE_WINDOW // num_segments)
    last = max(0, num_frames - DENSE_WINDOW)
    starts = np.array([last // 2]) if clips == 1 else np.linspace(0, last, clips).astype(np.int64)
    return (starts[:, None] + stride * np.arange(num_segments)) % num_frames


def _check(num_frames: int, num_segments: int) -> None:
    if num_frames < 1 or num_segments < 1:
        raise ValueError(f"{num_frames} frames in {num_segments} segments: both must be at least 1")
