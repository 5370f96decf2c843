"""Mixup and CutMix: two clips of a batch become one, and their labels in proportion.

Zhang et al., "mixup", ICLR 2018; Yun et al., "CutMix", ICCV 2019. A clip's partner is another clip of its batch, and
all frames of a clip take the same share, or the same box, of the frames of its partner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from gsf.data.augment.boxes import Box
from gsf.params.augment import Mixing


@dataclass(frozen=True)
class BatchMix:
    """How one batch is mixed: clip i keeps `share` of itself and takes the rest from clip `partners[i]`."""

    partners: tuple[int, ...]
    share: float  # 0 .. 1
    box: Box | None  # CutMix: what comes from the partner; None: mixup

    def mix(self, clips: torch.Tensor) -> torch.Tensor:
        """`(B, T, 3, H, W)`, floats, to a new tensor of that shape and type; CutMix takes bytes too."""
        others = clips[list(self.partners)]
        if self.box is None:
            if not clips.is_floating_point():
                raise ValueError(f"mixup of {clips.dtype}: must be floats; normalise the clips first")
            return torch.lerp(others, clips, self.share)
        mixed = clips.clone()
        self.box.cut(mixed).copy_(self.box.cut(others))
        return mixed

    def targets(self, labels: torch.Tensor, *, num_classes: int) -> torch.Tensor:
        """`(B,)` class indices to `(B, num_classes)` float32, each row of sum 1: what `F.cross_entropy` takes."""
        own = F.one_hot(labels, num_classes).float()
        return torch.lerp(own[list(self.partners)], own, self.share)


@dataclass(frozen=True)
class Mixer:
    """Mixes the batches of a training: what a step does to clips and labels in front of the network."""

    params: Mixing
    num_classes: int

    def __call__(
        self, clips: torch.Tensor, labels: torch.Tensor, *, seed: int, step: int = 0, part: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`(B, T, 3, H, W)` uint8 and `(B,)` to bytes or floats of the same levels, and shares `(B, num_classes)`.

        A batch that is left as it is keeps its labels `(B,)`.
        """
        height, width = clips.shape[-2:]
        drawn = draw_mix(
            self.params, batch_size=len(clips), height=height, width=width, seed=seed, step=step, part=part
        )
        if drawn is None:
            return clips, labels
        mixed = drawn.mix(clips.float() if drawn.box is None else clips)
        return mixed, drawn.targets(labels, num_classes=self.num_classes)


def draw_mix(
    params: Mixing | None, *, batch_size: int, height: int, width: int, seed: int, step: int, part: int = 0
) -> BatchMix | None:
    """How the batch of a step is mixed, drawn from (seed, step, part) alone; None where it is left as it is.

    Args:
        params: of the recipe; None mixes nothing.
        batch_size: clips B; a batch of one has no partners and is left as it is.
        height, width: of the clips, px.
        seed: of the training.
        step: since the training's start, over all epochs.
        part: of the step, where one is computed in several.
    """
    if params is None or batch_size < 2:
        return None
    generator = np.random.default_rng([seed, step, part, _STREAM])
    happens = generator.random() < params.probability
    cuts = generator.random() < (0.5 if params.mixup > 0 else 1.0) if params.cutmix > 0 else False
    alpha = params.cutmix if cuts else params.mixup
    share = float(generator.beta(alpha, alpha))
    shift = int(generator.integers(1, batch_size))  # never 0: nobody is its own partner
    partners = tuple((clip + shift) % batch_size for clip in range(batch_size))
    if not happens:
        return None
    if not cuts:
        return BatchMix(partners, share, None)
    box = _cutmix_box(1 - share, height=height, width=width, generator=generator)
    return BatchMix(partners, 1 - box.height * box.width / (height * width), box)


_STREAM = 0x3153  # sets these draws apart from a clip's, which follow from (seed, epoch, sample)


def _cutmix_box(share: float, *, height: int, width: int, generator: np.random.Generator) -> Box:
    """A box of that share of the frame around a random centre, cut off at the frame's edges."""
    half_h, half_w = height * math.sqrt(share) / 2, width * math.sqrt(share) / 2
    y, x = generator.uniform(0, height), generator.uniform(0, width)
    top, bottom = (round(min(max(edge, 0), height)) for edge in (y - half_h, y + half_h))
    left, right = (round(min(max(edge, 0), width)) for edge in (x - half_w, x + half_w))
    return Box(top, left, bottom - top, right - left)
