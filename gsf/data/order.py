"""The order in which a network is shown the frames of a clip: what another order changes shows whether it uses time.

forward   0 1 2 3 4 5 6 7
reversed  7 6 5 4 3 2 1 0
shuffled  5 2 7 0 3 6 1 4     one fixed permutation a video
frozen    4 4 4 4 4 4 4 4     the middle frame, T times
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from gsf.params.protocol import Time


def in_order(frames: npt.NDArray[Any], time: Time, *, video: str, seed: int = 0) -> npt.NDArray[Any]:
    """`(clips, T)` indices of frames, those of each clip in another order.

    Args:
        frames: `(clips, T)`, forward.
        time: which order.
        video: id of the video; with `seed` it fixes the permutation, the same for all of its clips. For T >= 2 the
            shuffled order is never the forward one.
        seed: of the permutations.
    """
    length = frames.shape[1]
    if time == "reversed":
        return frames[:, ::-1].copy()
    if time == "shuffled":
        return frames[:, _permutation(length, video, seed)]
    if time == "frozen":
        return np.repeat(frames[:, length // 2 : length // 2 + 1], length, axis=1)
    return frames


def _permutation(length: int, video: str, seed: int) -> npt.NDArray[np.int64]:
    """By the digests of (seed, video, attempt, place): the same with any version of any library."""
    forward = list(range(length))
    attempt = 0
    order = forward
    while order == forward and length > 1:
        keys = [hashlib.sha256(f"{seed}\0{video}\0{attempt}\0{place}".encode()).digest() for place in forward]
        order = sorted(forward, key=keys.__getitem__)
        attempt += 1
    return np.asarray(order, dtype=np.int64)
