"""The `augment` part of a recipe: which frames a training clip takes, and what they go through.

All is drawn once a clip from (seed, epoch, sample) and holds for all of its frames. Mixing is drawn once a batch.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gsf.params.base import Strict

Share = Annotated[float, Field(ge=0, le=1, strict=False)]
Level = Annotated[int, Field(ge=0, le=255)]
ShortVideos = Literal["repeat", "wrap", "error"]


class RandAugment(Strict):
    """Random operations on whole frames (Cubuk et al., "RandAugment", 2020)."""

    operations: int = Field(default=2, ge=1, le=10)  # drawn one after the other; may be the same
    probability: Share = 0.5  # of each
    magnitude: float = Field(default=9.0, ge=0, le=10, strict=False)  # mean of a clip's level
    std: float = Field(default=0.5, ge=0, le=10, strict=False)  # of the level, which is cut to 0 .. 10
    fill: list[Level] = Field(default=[124, 116, 104], min_length=3, max_length=3)  # RGB of what moves in


class ResizedCrop(Strict):
    """A box of random area and shape, in place of the multi-scale crop."""

    area: tuple[Share, Share] = Field(default=(0.08, 1.0), strict=False)  # share of the frame, lowest and highest
    aspect: tuple[float, float] = Field(default=(0.75, 4 / 3), strict=False)  # width / height, lowest and highest

    @model_validator(mode="after")
    def _in_order(self) -> ResizedCrop:
        if not 0 < self.area[0] <= self.area[1]:
            raise ValueError(f"area: lowest above 0 and at most the highest, got {list(self.area)}")
        if not 0 < self.aspect[0] <= self.aspect[1]:
            raise ValueError(f"aspect: lowest above 0 and at most the highest, got {list(self.aspect)}")
        return self


class ColourJitter(Strict):
    """Factors drawn from 1 - x .. 1 + x, applied in this order."""

    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0
    probability: Share = 1.0


class Mixing(Strict):
    """Two clips of a batch become one, their labels in proportion; with both alphas each batch takes one at random."""

    mixup: float = Field(default=0.0, ge=0, le=100, strict=False)  # alpha of Beta(alpha, alpha); 0: never
    cutmix: float = Field(default=0.0, ge=0, le=100, strict=False)  # likewise
    probability: Share = 1.0  # of a batch

    @model_validator(mode="after")
    def _something(self) -> Mixing:
        if self.mixup == 0 and self.cutmix == 0:
            raise ValueError("mixup or cutmix above 0; leave `mixing` out to mix nothing")
        return self


class Augment(Strict):
    """What a training clip goes through, in the order of the fields from `rand_augment` on."""

    short_videos: ShortVideos = "repeat"  # with fewer frames than segments: frames repeat, clips wrap around, or error
    rand_augment: RandAugment | None = None
    scales: list[float] = Field(default=[1.0], min_length=1)  # sides of the crop as shares of the short side
    max_distortion: int = Field(default=1, ge=0, le=4)  # steps in `scales` by which width and height may differ
    resized_crop: ResizedCrop | None = None  # instead of `scales` and `max_distortion`
    flip: bool = True  # horizontal, probability 1/2, as the benchmark's labels allow
    colour_jitter: ColourJitter | None = None
    grayscale: Share = 0.0  # probability
    mixing: Mixing | None = None
    on: Literal["cpu", "device"] = "cpu"  # in the loader processes, or where the network is; differs by rounding

    @model_validator(mode="after")
    def _shares(self) -> Augment:
        if not all(0 < scale <= 1 for scale in self.scales):
            raise ValueError(f"scales in (0, 1], got {self.scales}")
        if self.resized_crop is not None and self.scales != [1.0]:
            raise ValueError("scales or resized_crop, not both")
        return self
