"""`params/models/*.yaml`: a network."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gsf.params.base import Strict


class Model(Strict):
    """One model file: backbone, temporal module, and the clip it takes."""

    name: str
    backbone: str  # a name `gsf.nn.create_model` knows, `timm:NAME` for one of timm's
    temporal: Literal["none", "tsm", "gsm", "gsf"]
    num_segments: int = Field(ge=1, le=128)  # frames T of a clip
    input_size: int = Field(ge=16, le=1024)  # px, side of the square the network sees
    short_side: int = Field(ge=16, le=2160)  # px, to which frames are scaled before a crop is taken
    ratio: float = Field(default=1.0, gt=0, le=1, strict=False)  # share of the channels in GSF and GSM
    start: Literal["published", "identity"] = "published"  # initial state of GSF and GSM
    gate: bool = True  # GSF alone; false: every feature moves
    fuse: bool = True  # GSF alone; false: what moved and what stayed are added, as in GSM
    interleave: bool = True  # the published channel permutation (GSF, GSM); off with start: identity
    causal: bool = False  # temporal modules look only backwards, so that the network can follow a stream
    where: list[str] | None = Field(default=None, min_length=1)  # places, names or patterns; null: all of them
    pretrained: str | None = None  # "torchvision", "timm", or a file (.safetensors, .pth), absolute or in the project
    dropout: float = Field(default=0.5, ge=0, lt=1, strict=False)  # in front of the classifier

    @model_validator(mode="after")
    def _crop_fits(self) -> Model:
        if self.short_side < self.input_size:
            raise ValueError(f"a short_side of at least input_size ({self.short_side} < {self.input_size})")
        return self

    @model_validator(mode="after")
    def _parts_exist(self) -> Model:
        for part, owners in (("gate", ("gsf",)), ("fuse", ("gsf",)), ("interleave", ("gsf", "gsm"))):
            if not getattr(self, part) and self.temporal not in owners:
                raise ValueError(f"{part}: true (or none) with temporal: {self.temporal}, which has no such part")
        if not self.gate and self.start == "identity":
            raise ValueError("gate: true with start: identity, because without a gate every feature moves")
        if self.causal and self.temporal == "none":
            raise ValueError("causal: false (or none) with temporal: none, which has no time")
        if self.where is not None and self.temporal == "none":
            raise ValueError("where: null (or none) with temporal: none, which inserts nothing")
        return self
