"""`params/models/*.yaml`: a network."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gsf.params.base import Strict


class Model(Strict):
    """One model file: backbone, temporal module, and the clip it takes."""

    name: str
    backbone: str  # a name `gsf.nn.create_model` knows
    temporal: Literal["none", "tsm", "gsm", "gsf"]
    num_segments: int = Field(ge=1, le=128)  # frames T of a clip
    input_size: int = Field(ge=16, le=1024)  # px, side of the square the network sees
    short_side: int = Field(ge=16, le=2160)  # px, to which frames are scaled before a crop is taken
    ratio: float = Field(default=1.0, gt=0, le=1, strict=False)  # share of the channels in GSF and GSM
    start: Literal["published", "identity"] = "published"  # initial state of GSF and GSM
    interleave: bool = True  # the published channel permutation; off with start: identity
    pretrained: str | None = None  # "torchvision", or a .safetensors or .pth file, relative to the project or not
    dropout: float = Field(default=0.5, ge=0, lt=1, strict=False)  # in front of the classifier

    @model_validator(mode="after")
    def _crop_fits(self) -> Model:
        if self.short_side < self.input_size:
            raise ValueError(f"a short_side of at least input_size ({self.short_side} < {self.input_size})")
        return self
