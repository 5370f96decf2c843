"""RandAugment's operations (Cubuk et al., 2020): which there are, how strong they are, and what they do to a clip.

The strengths are those of "m9-mstd0.5", with which the recipe of Sudhakaran et al. (TPAMI 2023) was trained: a level L
of 0 .. 10 stands for

    rotate            3 L degrees              color, contrast, brightness, sharpness    a factor of 0.1 + 0.18 L
    shear_x, shear_y  0.03 L                   posterize      int(0.4 L) bits are kept, at least one
    translate_x, _y   0.045 L of the side      solarize       from int(25.6 L) on
    autocontrast, equalize, invert: no level   solarize_add   int(11 L), at most 128

Rotations, shears and translations go either way; the way is drawn once, so that all frames of a clip move alike and the
clip's own motion stays what it was, seen from a tilted or shifted camera. Rotations and shears interpolate bilinearly
(the released code draws bilinear or bicubic), translations are by whole pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch

from gsf.data.augment import colours
from gsf.data.augment.boxes import Box
from gsf.data.augment.warp import rotation, shear_x, shear_y, translate, warp
from gsf.params.augment import RandAugment

Pointwise = Literal["invert", "posterize", "solarize", "solarize_add", "color", "brightness"]
WholeFrame = Literal["autocontrast", "equalize", "contrast", "sharpness"]
Geometric = Literal["rotate", "shear_x", "shear_y", "translate_x", "translate_y"]
Name = Pointwise | WholeFrame | Geometric

POINTWISE: tuple[str, ...] = get_args(Pointwise)  # a pixel depends on itself alone
GEOMETRIC: tuple[str, ...] = get_args(Geometric)
NAMES: tuple[Name, ...] = tuple(sorted(name for group in get_args(Name) for name in get_args(group)))


@dataclass(frozen=True)
class Operation:
    """One operation of one clip."""

    name: Name
    level: float  # 0 .. 10
    sign: Literal[-1, 1] = 1  # of a geometric operation


def draw_operations(params: RandAugment, *, generator: np.random.Generator) -> tuple[Operation, ...]:
    """The operations of one clip, in order; fewer than `params.operations` where some are left out by chance."""
    drawn = []
    for _ in range(params.operations):
        name = NAMES[int(generator.integers(len(NAMES)))]
        happens = generator.random() < params.probability
        level = float(np.clip(generator.normal(params.magnitude, params.std), 0, 10))
        negative = generator.random() < 0.5
        if happens:  # after all the draws, so that the next operation does not depend on it
            drawn.append(Operation(name, level, -1 if negative and name in GEOMETRIC else 1))
    return tuple(drawn)


def apply_operations(
    frames: torch.Tensor, operations: Sequence[Operation], *, fill: Sequence[int], box: Box
) -> torch.Tensor:
    """The box of `(T, 3, H, W)` uint8 after the operations on whole frames: `(T, 3, box.height, box.width)`.

    The box is cut as early as the result allows: pixels that nobody sees later are not computed. On a CPU frames go
    one by one, because what is computed of a frame fits into the caches; no operation looks at two frames.
    """
    if frames.device.type == "cpu" and len(frames) > 1 and operations:
        return torch.cat([apply_operations(frame, operations, fill=fill, box=box) for frame in torch.split(frames, 1)])
    wide = [place for place, operation in enumerate(operations) if operation.name not in POINTWISE]
    cut_at = wide[-1] if wide else -1  # the last operation that looks beyond a pixel
    if cut_at < 0:
        frames = box.cut(frames)
    for place, operation in enumerate(operations):
        frames = apply(frames, operation, fill=fill, box=box if place == cut_at else None)
    return frames


def apply(frames: torch.Tensor, operation: Operation, *, fill: Sequence[int], box: Box | None = None) -> torch.Tensor:
    """One operation on `(T, 3, H, W)` uint8; of its result the box, where one is given."""
    height, width = frames.shape[-2:]
    level, strength = operation.level, operation.sign * operation.level / 10
    factor = 0.1 + 0.18 * level
    match operation.name:
        case "rotate":
            return warp(frames, rotation(30 * strength, height=height, width=width), fill=fill, box=box)
        case "shear_x":
            return warp(frames, shear_x(0.3 * strength), fill=fill, box=box)
        case "shear_y":
            return warp(frames, shear_y(0.3 * strength), fill=fill, box=box)
        case "translate_x":
            return translate(frames, round(0.45 * strength * width), 0, fill=fill, box=box)
        case "translate_y":
            return translate(frames, 0, round(0.45 * strength * height), fill=fill, box=box)
        case "autocontrast":
            return colours.autocontrast(frames, box=box)
        case "equalize":
            return colours.equalize(frames, box=box)
        case "contrast":
            return colours.contrast(frames, factor, box=box)
        case "sharpness":
            return colours.sharpness(frames, factor, box=box)
    part = frames if box is None else box.cut(frames)
    match operation.name:
        case "invert":
            return colours.invert(part)
        case "posterize":
            return colours.posterize(part, max(1, int(0.4 * level)))
        case "solarize":
            return colours.solarize(part, min(256, int(25.6 * level)))
        case "solarize_add":
            return colours.solarize_add(part, min(128, int(11 * level)))
        case "color":
            return colours.saturation(part, factor)
        case "brightness":
            return colours.brightness(part, factor)
    raise ValueError(f"{operation.name}: must be one of {', '.join(NAMES)}")
