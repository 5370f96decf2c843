"""`params/imports/*.yaml`: a checkpoint that was trained elsewhere, as a network of the pipeline."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gsf.params.base import Strict
from gsf.params.model import Model


class Imported(Strict):
    """One import file, as `gsf import` writes it."""

    name: str
    checkpoint: str  # the file, relative to the project or absolute; where it lies is in no receipt
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # of the file: what the results rest on
    backbone: str
    temporal: Literal["none", "tsm", "gsm", "gsf"]
    ratio: float = Field(gt=0, le=1, strict=False)
    num_segments: int = Field(ge=1, le=128)  # frames T of a clip; no weight depends on it
    input_size: int = Field(ge=16, le=1024)  # px, side of the square the network sees
    short_side: int = Field(ge=16, le=2160)  # px, to which frames are scaled before a crop is taken
    classes: list[str] | None = Field(default=None, min_length=1)  # of the logits, in order; None: the benchmark's

    @model_validator(mode="after")
    def _holds_together(self) -> Imported:
        if self.short_side < self.input_size:
            raise ValueError(f"a short_side of at least input_size ({self.short_side} < {self.input_size})")
        twice = sorted({name for name in self.classes or () if (self.classes or []).count(name) > 1})
        if twice:
            raise ValueError(f"classes that are each named once: {', '.join(twice)} is named again")
        return self

    def model(self) -> Model:
        """The network as a model file would describe it."""
        return Model(
            name=self.name,
            backbone=self.backbone,
            temporal=self.temporal,
            ratio=self.ratio,
            num_segments=self.num_segments,
            input_size=self.input_size,
            short_side=self.short_side,
        )
