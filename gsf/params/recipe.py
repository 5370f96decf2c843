"""`params/recipes/*.yaml`: how a network is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gsf.params.augment import Augment
from gsf.params.base import Strict


class Optimizer(Strict):
    """Stochastic gradient descent."""

    name: Literal["sgd"]
    lr: float = Field(gt=0, le=10, strict=False)  # peak learning rate
    momentum: float = Field(default=0.9, ge=0, lt=1, strict=False)
    nesterov: bool = False
    weight_decay: float = Field(ge=0, lt=1, strict=False)  # on every parameter


class Recipe(Strict):
    """One recipe file."""

    name: str
    epochs: int = Field(ge=1, le=1000)
    batch_size: int = Field(ge=1, le=4096)  # clips
    optimizer: Optimizer
    warmup_epochs: float = Field(ge=0, strict=False)  # linear, from warmup_start * lr
    warmup_start: float = Field(default=0.1, ge=0, le=1, strict=False)
    schedule: Literal["cosine", "constant"] = "cosine"  # after the warm-up, per step
    clip_norm: float | None = Field(default=None, gt=0, strict=False)  # of the gradient, L2
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, strict=False)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = (
        "auto"  # auto: float32 on a CPU, float16 with scaling on a GPU
    )
    select: Literal["best", "last"] = "last"  # epoch whose weights are kept, best by validation top-1
    validate_every: int = Field(default=1, ge=1)  # epochs
    augment: Augment

    @model_validator(mode="after")
    def _warmup_fits(self) -> Recipe:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs below epochs ({self.warmup_epochs:g} >= {self.epochs})")
        return self
