"""Augmentation drawn once a clip and applied to all of its frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from gsf.params.augment import Augment


@dataclass(frozen=True)
class ClipTransform:
    """What one clip goes through: a box in pixels, scaled to a square, then perhaps mirrored."""

    top: int
    left: int
    height: int
    width: int
    size: int
    flip: bool

    @classmethod
    def draw(
        cls, augment: Augment, *, height: int, width: int, size: int, may_flip: bool, generator: np.random.Generator
    ) -> ClipTransform:
        """Draw a multi-scale crop (Wang et al., "Temporal Segment Networks", ECCV 2016) for frames `height x width`.

        Sides are shares of the short side, at most `max_distortion` steps apart; the place is one of 13 fixed ones.
        """
        short = min(height, width)
        first = int(generator.integers(len(augment.scales)))
        low, high = max(0, first - augment.max_distortion), min(len(augment.scales), first + augment.max_distortion + 1)
        second = int(generator.integers(low, high))
        box_h, box_w = round(short * augment.scales[first]), round(short * augment.scales[second])
        step_y, step_x = (height - box_h) // 4, (width - box_w) // 4
        row, column = _PLACES[int(generator.integers(len(_PLACES)))]
        mirrored = bool(generator.random() < 0.5)  # drawn always, so that other draws do not depend on it
        return cls(row * step_y, column * step_x, box_h, box_w, size, mirrored and augment.flip and may_flip)

    def __call__(self, frames: torch.Tensor) -> torch.Tensor:
        """`(T, 3, H, W)` uint8 to `(T, 3, size, size)` uint8."""
        box = frames[..., self.top : self.top + self.height, self.left : self.left + self.width]
        box = resize(box, height=self.size, width=self.size)
        return box.flip(-1) if self.flip else box


# Rows and columns of a 5 x 5 grid: corners, edges, centre and the quarters between them.
_PLACES = (
    *((0, 0), (0, 4), (4, 0), (4, 4), (2, 2), (0, 2), (4, 2), (2, 0), (2, 4)),
    *((1, 1), (1, 3), (3, 1), (3, 3)),
)


def resize(frames: torch.Tensor, *, height: int, width: int) -> torch.Tensor:
    """Bilinear with antialiasing, uint8 to uint8; frames of that size already are returned as they are."""
    if frames.shape[-2:] == (height, width):
        return frames
    scaled = F.interpolate(frames, size=(height, width), mode="bilinear", align_corners=False, antialias=True)
    return scaled


def resize_short_side(frames: torch.Tensor, short_side: int) -> torch.Tensor:
    """Scale `(..., H, W)` so that the shorter side is `short_side`, the other in proportion."""
    height, width = frames.shape[-2:]
    if height <= width:
        return resize(frames, height=short_side, width=max(short_side, round(width * short_side / height)))
    return resize(frames, height=max(short_side, round(height * short_side / width)), width=short_side)


def crops(frames: torch.Tensor, *, size: int, count: int) -> list[torch.Tensor]:
    """Square crops of side `size`: the centre (1), or three along the longer side, the first at its start (3)."""
    height, width = frames.shape[-2:]
    if count == 1:
        shares = [0.5]
    elif count == 3:
        shares = [0.0, 0.5, 1.0]
    else:
        raise ValueError(f"{count} crops: must be 1 or 3")
    result = []
    for share in shares:
        along_x = width >= height
        left = round((width - size) * (share if along_x else 0.5))
        top = round((height - size) * (0.5 if along_x else share))
        result.append(frames[..., top : top + size, left : left + size])
    return result
