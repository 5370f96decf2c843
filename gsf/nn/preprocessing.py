"""What a network wants to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Preprocessing:
    """What a network wants to see: `(pixel / scale - mean) / std` for pixels 0..255, channels in `colour_order`."""

    size: int  # px, side of the square input
    short_side: int  # px, to which a frame is scaled before the crop
    mean: tuple[float, float, float]  # in the units of pixel / scale, in the order of the channels
    std: tuple[float, float, float]
    colour_order: Literal["rgb", "bgr"]
    scale: float  # 255: the network wants 0..1 before normalisation; 1: 0..255
