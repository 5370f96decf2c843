"""Boxes that are cut from a clip and scaled to the size that the network takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from gsf.params.augment import Augment, ResizedCrop


@dataclass(frozen=True)
class Box:
    """A part of a frame, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, frames: torch.Tensor) -> torch.Tensor:
        """The box of `(..., H, W)`, as a view."""
        return frames[..., self.top : self.top + self.height, self.left : self.left + self.width]

    def grown(self, pixels: int, *, height: int, width: int) -> Box:
        """With a margin on every side, as far as a frame of `height x width` reaches."""
        top, left = max(0, self.top - pixels), max(0, self.left - pixels)
        bottom = min(height, self.top + self.height + pixels)
        return Box(top, left, bottom - top, min(width, self.left + self.width + pixels) - left)


def draw_box(augment: Augment, *, height: int, width: int, generator: np.random.Generator) -> Box:
    """The box of one clip in frames of `height x width` pixels."""
    if augment.resized_crop is not None:
        return resized_box(augment.resized_crop, height=height, width=width, generator=generator)
    return multi_scale_box(augment, height=height, width=width, generator=generator)


# Rows and columns of a 5 x 5 grid: corners, edges, centre and the quarters between them.
_PLACES = (
    *((0, 0), (0, 4), (4, 0), (4, 4), (2, 2), (0, 2), (4, 2), (2, 0), (2, 4)),
    *((1, 1), (1, 3), (3, 1), (3, 3)),
)


def multi_scale_box(augment: Augment, *, height: int, width: int, generator: np.random.Generator) -> Box:
    """A multi-scale crop (Wang et al., "Temporal Segment Networks", ECCV 2016).

    Sides are shares of the short side, at most `max_distortion` steps apart; the place is one of 13 fixed ones.
    """
    short = min(height, width)
    first = int(generator.integers(len(augment.scales)))
    low, high = max(0, first - augment.max_distortion), min(len(augment.scales), first + augment.max_distortion + 1)
    second = int(generator.integers(low, high))
    box_h, box_w = round(short * augment.scales[first]), round(short * augment.scales[second])
    row, column = _PLACES[int(generator.integers(len(_PLACES)))]
    return Box(row * ((height - box_h) // 4), column * ((width - box_w) // 4), box_h, box_w)


_ATTEMPTS = 10


def resized_box(crop: ResizedCrop, *, height: int, width: int, generator: np.random.Generator) -> Box:
    """A box of random area and aspect ratio (Szegedy et al., "Going Deeper with Convolutions", 2014).

    Shapes that do not fit into the frame are drawn again; after ten of them the largest centred box of an allowed
    aspect ratio is taken.
    """
    low, high = crop.aspect
    for _ in range(_ATTEMPTS):
        area = height * width * generator.uniform(*crop.area)
        aspect = math.exp(generator.uniform(math.log(low), math.log(high)))
        box_h, box_w = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
        if 0 < box_h <= height and 0 < box_w <= width:
            top = int(generator.integers(height - box_h + 1))
            return Box(top, int(generator.integers(width - box_w + 1)), box_h, box_w)
    aspect = min(max(width / height, low), high)
    box_h, box_w = min(height, round(width / aspect)), min(width, round(height * aspect))
    return Box((height - box_h) // 2, (width - box_w) // 2, box_h, box_w)
