"""`params/recipes/*.yaml`: how a network is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gsf.params.augment import Augment
from gsf.params.base import Strict


class Optimizer(Strict):
    """What turns gradients into steps: stochastic gradient descent, or AdamW (Loshchilov and Hutter, ICLR 2019)."""

    name: Literal["sgd", "adamw"]
    lr: float = Field(gt=0, le=10, strict=False)  # peak learning rate
    lr_batch: int | None = Field(default=None, ge=1)  # clips: used is lr * batch_size / lr_batch
    momentum: float | None = Field(default=None, ge=0, lt=1, strict=False)  # sgd alone; null: 0.9
    nesterov: bool = False  # sgd alone
    betas: tuple[float, float] | None = None  # adamw alone; null: 0.9, 0.999
    weight_decay: float = Field(ge=0, lt=1, strict=False)
    decay: Literal["all", "weights"] = "all"  # weights: not on norms and biases
    classifier_lr: float = Field(default=1.0, gt=0, le=1000, strict=False)  # of the classifier, times the rate

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, value: object) -> object:
        """YAML has lists where the schema has a pair."""
        if isinstance(value, dict) and isinstance(value.get("betas"), list):
            return value | {"betas": tuple(value["betas"])}
        return value

    @model_validator(mode="after")
    def _of_its_kind(self) -> Optimizer:
        if self.name == "adamw" and (self.momentum is not None or self.nesterov):
            raise ValueError("without momentum and nesterov with name: adamw, which has betas")
        if self.name == "sgd" and self.betas is not None:
            raise ValueError("without betas with name: sgd, which has a momentum")
        if self.betas is not None and not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas in [0, 1), got {list(self.betas)}")
        if self.nesterov and self.momentum == 0:
            raise ValueError("a momentum above 0 with nesterov: true")
        return self


class Recipe(Strict):
    """One recipe file."""

    name: str
    epochs: int = Field(ge=1, le=1000)
    batch_size: int = Field(ge=1, le=4096)  # clips of a step of the optimizer, over all processes and parts
    accumulate: int = Field(default=1, ge=1, le=4096)  # parts in which a process computes its share of a step
    optimizer: Optimizer
    warmup_epochs: float = Field(ge=0, strict=False)  # linear, from warmup_start * lr
    warmup_start: float = Field(default=0.1, ge=0, le=1, strict=False)
    schedule: Literal["cosine", "constant"] = "cosine"  # after the warm-up
    schedule_per: Literal["step", "epoch"] = "step"  # when the rate changes
    schedule_end: float = Field(default=0.0, ge=0, lt=1, strict=False)  # of the cosine, times lr
    clip_norm: float | None = Field(default=None, gt=0, strict=False)  # of the gradient, L2
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, strict=False)
    dropout: float | None = Field(default=None, ge=0, lt=1, strict=False)  # null: the model file's
    ema: float | None = Field(default=None, gt=0, lt=1, strict=False)  # decay a step of averaged weights; null: none
    frozen_norms: Literal["none", "all", "all_but_first"] = "none"  # batch norms of the backbone
    sync_norms: bool = False  # statistics of batch norms over all processes
    precision: Literal["auto", "float32", "bfloat16", "float16"] = (
        "auto"  # auto: float32 on a CPU, float16 with scaling on a GPU
    )
    channels_last: bool | None = None  # memory format; null: on a GPU alone
    compile: bool = False  # torch.compile
    checkpoint_activations: bool = False  # keep the inputs of blocks alone, compute them again: memory for time
    skip_nonfinite: int = Field(default=0, ge=0)  # steps with a loss not finite that are left out before it is an error
    select: Literal["best", "last"] = "last"  # epoch whose weights are kept, best by validation top-1
    validate_every: int = Field(default=1, ge=1)  # epochs
    augment: Augment

    @model_validator(mode="after")
    def _warmup_fits(self) -> Recipe:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs below epochs ({self.warmup_epochs:g} >= {self.epochs})")
        return self

    @model_validator(mode="after")
    def _parts_hold_clips(self) -> Recipe:
        if self.accumulate > self.batch_size:
            raise ValueError(f"accumulate at most batch_size ({self.accumulate} > {self.batch_size})")
        return self

    @property
    def peak_lr(self) -> float:
        """The rate at the end of the warm-up: `lr`, scaled linearly with the batch where `lr_batch` asks for that.

        Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 2.1.
        """
        of = self.optimizer
        return of.lr if of.lr_batch is None else of.lr * self.batch_size / of.lr_batch
