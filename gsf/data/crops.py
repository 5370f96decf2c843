"""The square crops that an evaluation takes of a frame."""

from __future__ import annotations

import torch
from torchvision.transforms.v2 import functional as v2

# By count: where each crop lies along the longer side, as a share of the room there is; along the shorter: the middle.
_ALONG = {1: (0.5,), 3: (0.0, 0.5, 1.0)}


def crops(frames: torch.Tensor, *, size: int, count: int, mirrored: bool = False) -> list[torch.Tensor]:
    """Crops of side `size` of `(..., H, W)`, at least that large.

    Args:
        frames: on any device.
        size: px.
        count: 1, the centre; 3 along the longer side, the first at its start; 5, the corners (top left, top right,
            bottom left, bottom right) and the centre; 10, these five, then the five mirrored left to right.
        mirrored: every crop mirrored too, behind all of them as they are: 10 is 5 with their mirror images.

    Raises:
        ValueError: another count.
    """
    if count == 10 and not mirrored:
        return crops(frames, size=size, count=5, mirrored=True)
    if count == 5:
        found = list(v2.five_crop(frames, [size, size]))
    elif count in _ALONG:
        found = [_along(frames, size=size, share=share) for share in _ALONG[count]]
    else:
        raise ValueError(f"{count} crops{' and their mirror images' * mirrored}: must be 1, 3, 5, or 10 without them")
    return [*found, *(v2.horizontal_flip(crop) for crop in found)] if mirrored else found


def _along(frames: torch.Tensor, *, size: int, share: float) -> torch.Tensor:
    height, width = frames.shape[-2:]
    along_x = width >= height
    left = round((width - size) * (share if along_x else 0.5))
    top = round((height - size) * (0.5 if along_x else share))
    return frames[..., top : top + size, left : left + size]
