"""The views of one video that an evaluation, or a prediction, looks at: clips x crops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from gsf.data.augment.resize import resize_short_side
from gsf.data.crops import crops
from gsf.data.order import in_order
from gsf.data.sampling import Indices, dense, multi_clip
from gsf.errors import DataError
from gsf.params.protocol import Protocol


def view_frames(protocol: Protocol, *, video: str, num_frames: int) -> Indices:
    """`(clips, T)` frames of a video of so many, in the protocol's order.

    Raises:
        DataError: a short video, and the protocol's `short_videos` is "error".
    """
    take = dense if protocol.sampling == "dense" else multi_clip
    try:
        forward = take(num_frames, protocol.frames, clips=protocol.clips, short=protocol.short_videos)
    except DataError as error:
        raise DataError(f"video {video} {error}") from None
    return in_order(forward, protocol.time, video=video, seed=protocol.time_seed)


def cut_views(
    decode: Callable[[list[int]], torch.Tensor], frames: Indices, *, protocol: Protocol, short_side: int, size: int
) -> torch.Tensor:
    """`(V, T, 3, size, size)` uint8, view = clip * views of a clip + crop.

    Every frame that any view needs is decoded once.

    Args:
        decode: gives the frames `(n, 3, H, W)` of indices in rising order.
        frames: `(clips, T)`, see `view_frames`.
        protocol: says which crops.
        short_side: px, to which frames are scaled before.
        size: px, side of a crop.
    """
    needed, place = np.unique(frames, return_inverse=True)
    scaled = resize_short_side(decode(needed.tolist()), short_side)
    cut = torch.stack(crops(scaled, size=size, count=protocol.crops, mirrored=protocol.flips), dim=1)
    clips = cut[torch.from_numpy(place.reshape(frames.shape))]  # (clips, T, crops, 3, size, size)
    return clips.transpose(1, 2).flatten(0, 1)
