"""The square crops that an evaluation takes of a frame."""

from __future__ import annotations

import torch

# By count: where each crop lies along the longer side, as a share of the room there is; along the shorter: the middle.
_ALONG = {1: (0.5,), 3: (0.0, 0.5, 1.0)}


def crops(frames: torch.Tensor, *, size: int, count: int) -> list[torch.Tensor]:
    """Crops of side `size` of `(..., H, W)`: the centre (1), or three along the longer side, the first at its start (3)."""
    if count not in _ALONG:
        raise ValueError(f"{count} crops: must be one of {', '.join(map(str, _ALONG))}")
    height, width = frames.shape[-2:]
    along_x = width >= height
    result = []
    for share in _ALONG[count]:
        left = round((width - size) * (share if along_x else 0.5))
        top = round((height - size) * (0.5 if along_x else share))
        result.append(frames[..., top : top + size, left : left + size])
    return result
