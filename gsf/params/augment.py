"""The `augment` part of a recipe: what a training clip goes through."""

from __future__ import annotations

from pydantic import Field, model_validator

from gsf.params.base import Strict


class Augment(Strict):
    """Drawn once a clip, applied to all of its frames."""

    scales: list[float] = Field(min_length=1)  # sides of the crop as shares of the short side, one is drawn
    max_distortion: int = Field(default=1, ge=0, le=4)  # steps in `scales` by which width and height may differ
    flip: bool = True  # horizontal, probability 1/2, as the benchmark's labels allow

    @model_validator(mode="after")
    def _shares(self) -> Augment:
        if not all(0 < scale <= 1 for scale in self.scales):
            raise ValueError(f"scales in (0, 1], got {self.scales}")
        return self
