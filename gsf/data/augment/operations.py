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

What is drawn is ours, because every draw follows from (seed, epoch, sample); the operations are torchvision's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as v2

from gsf.data.augment.boxes import Box
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

    The box is cut as early as the result allows: behind the last operation that looks beyond a pixel.
    """
    wide = [place for place, operation in enumerate(operations) if operation.name not in POINTWISE]
    cut_at = wide[-1] if wide else -1  # the last operation that looks beyond a pixel
    if cut_at < 0:
        frames = box.cut(frames)
    for place, operation in enumerate(operations):
        frames = apply(frames, operation, fill=fill)
        if place == cut_at:
            frames = box.cut(frames)
    return frames


def apply(frames: torch.Tensor, operation: Operation, *, fill: Sequence[int]) -> torch.Tensor:
    """One operation on `(T, 3, H, W)` uint8; what a geometric one moves in has the colour `fill`."""
    move = operation.name in GEOMETRIC
    moved: torch.Tensor = _move(frames, operation, fill=[*map(float, fill)]) if move else _recolour(frames, operation)
    return moved


def _recolour(frames: torch.Tensor, operation: Operation) -> Any:
    level = operation.level
    factor = 0.1 + 0.18 * level
    match operation.name:
        case "autocontrast":
            return v2.autocontrast(frames.contiguous())  # extremes of interleaved colours take five times as long
        case "equalize":
            return v2.equalize(frames)
        case "contrast":
            return v2.adjust_contrast(frames, factor)
        case "sharpness":
            return v2.adjust_sharpness(frames, factor)
        case "invert":
            return v2.invert(frames)
        case "posterize":
            return v2.posterize(frames, max(1, int(0.4 * level)))
        case "solarize":
            return v2.solarize(frames, int(25.6 * level)) if level < 10 else frames  # 256: no pixel is that bright
        case "solarize_add":
            return frames + (frames < 128).to(torch.uint8) * min(128, int(11 * level))  # 127 + 128 still fits
        case "color":
            return v2.adjust_saturation(frames, factor)
        case "brightness":
            return v2.adjust_brightness(frames, factor)
    raise ValueError(f"{operation.name}: must be one of {', '.join(NAMES)}")


def _move(frames: torch.Tensor, operation: Operation, *, fill: list[float]) -> Any:
    """Rotate counterclockwise, or move left or up: rows by a share of their distance from the top, and so on."""
    height, width = frames.shape[-2:]
    strength = operation.sign * operation.level / 10
    shear = math.degrees(math.atan(0.3 * strength))
    match operation.name:
        case "rotate":
            return v2.rotate(frames, 30 * strength, interpolation=InterpolationMode.BILINEAR, fill=fill)
        case "shear_x":
            return _sheared(frames, [shear, 0.0], fill=fill)
        case "shear_y":
            return _sheared(frames, [0.0, shear], fill=fill)
        case "translate_x":
            return _translated(frames, left=round(0.45 * strength * width), up=0, fill=fill)
        case _:
            return _translated(frames, left=0, up=round(0.45 * strength * height), fill=fill)


def _sheared(frames: torch.Tensor, shear: list[float], *, fill: list[float]) -> Any:
    return v2.affine(
        frames,
        angle=0.0,
        translate=[0, 0],
        scale=1.0,
        shear=shear,
        interpolation=InterpolationMode.BILINEAR,
        fill=fill,
        center=[0.0, 0.0],
    )


def _translated(frames: torch.Tensor, *, left: int, up: int, fill: list[float]) -> Any:
    """Moved by whole pixels: padded and cut, which takes a fraction of the time of an affine map."""
    padded = v2.pad(frames, [max(0, -left), max(0, -up), max(0, left), max(0, up)], fill=fill)
    return v2.crop(padded, max(0, up), max(0, left), *frames.shape[-2:])
