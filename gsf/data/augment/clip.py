"""All that one clip goes through, drawn once and applied to all of its frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torchvision.transforms.v2 import functional as v2

from gsf.data.augment.boxes import Box, draw_box
from gsf.data.augment.operations import Operation, apply_operations, draw_operations
from gsf.data.augment.resize import resize
from gsf.params.augment import Augment, ColourJitter

NO_FILL = (0, 0, 0)


@dataclass(frozen=True)
class Jitter:
    """Factors, applied in this order; 1 changes nothing."""

    brightness: float
    contrast: float
    saturation: float

    def __call__(self, frames: torch.Tensor) -> torch.Tensor:
        """`(T, 3, H, W)` uint8 to the same."""
        for change, factor in (
            (v2.adjust_brightness, self.brightness),
            (v2.adjust_contrast, self.contrast),
            (v2.adjust_saturation, self.saturation),
        ):
            if factor != 1:
                frames = change(frames, factor)
        return frames


@dataclass(frozen=True)
class ClipTransform:
    """What one clip goes through, in this order; its `repr` says all of it."""

    operations: tuple[Operation, ...]  # of RandAugment, on whole frames
    fill: tuple[int, ...]  # RGB, of what operations move in
    box: Box  # cut out
    size: int  # and scaled to a square of this side, px
    flip: bool  # mirrored left to right
    jitter: Jitter | None
    grayscale: bool

    @classmethod
    def draw(
        cls, augment: Augment, *, height: int, width: int, size: int, may_flip: bool, generator: np.random.Generator
    ) -> ClipTransform:
        """Draw for frames of `height x width`; each part has random numbers of its own, whatever the others are."""
        for_operations, for_jitter, for_grey = generator.spawn(3)
        box = draw_box(augment, height=height, width=width, generator=generator)
        mirrored = bool(generator.random() < 0.5)
        rand = augment.rand_augment
        return cls(
            operations=draw_operations(rand, generator=for_operations) if rand else (),
            fill=tuple(rand.fill) if rand else NO_FILL,
            box=box,
            size=size,
            flip=mirrored and augment.flip and may_flip,
            jitter=_draw_jitter(augment.colour_jitter, generator=for_jitter) if augment.colour_jitter else None,
            grayscale=bool(for_grey.random() < augment.grayscale),
        )

    def __call__(self, frames: torch.Tensor) -> torch.Tensor:
        """`(T, 3, H, W)` uint8 to `(T, 3, size, size)` uint8, on the device where they are."""
        clip = apply_operations(frames, self.operations, fill=self.fill, box=self.box)
        clip = resize(clip, height=self.size, width=self.size)
        if self.flip:
            clip = v2.horizontal_flip(clip)
        if self.jitter is not None:
            clip = self.jitter(clip)
        return v2.rgb_to_grayscale(clip, num_output_channels=3) if self.grayscale else clip


def _draw_jitter(params: ColourJitter, *, generator: np.random.Generator) -> Jitter | None:
    factors = [1 + strength * generator.uniform(-1, 1) for strength in _strengths(params)]
    return Jitter(*factors) if generator.random() < params.probability else None


def _strengths(params: ColourJitter) -> Sequence[float]:
    return params.brightness, params.contrast, params.saturation


def augment_on_device(
    clips: Sequence[torch.Tensor], transforms: Sequence[ClipTransform], device: torch.device
) -> torch.Tensor:
    """Whole frames of B clips, each `(T, 3, H, W)` uint8 of its own size, to `(B, T, 3, size, size)` uint8 there.

    The frames travel as bytes; the draws are those that the loader processes would have applied.
    """
    moved = [clip.to(device, non_blocking=True) for clip in clips]
    return torch.stack([transform(clip) for transform, clip in zip(transforms, moved, strict=True)])
