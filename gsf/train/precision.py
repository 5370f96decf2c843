"""In which number format and memory format a recipe's network computes on a device."""

from __future__ import annotations

from typing import Literal

import torch

from gsf.errors import TrainError
from gsf.params.recipe import Recipe

Precision = Literal["float32", "bfloat16", "float16"]
_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_precision(recipe: Recipe, device: torch.device) -> Precision:
    """The precision that `auto` stands for on this device, else the recipe's own; TrainError where it cannot be had."""
    if recipe.precision == "auto":
        return "float16" if device.type == "cuda" else "float32"
    if recipe.precision == "float16" and device.type != "cuda":
        raise TrainError("precision is float16 on a CPU, must be float32 or bfloat16 there; `auto` chooses by device")
    return recipe.precision


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """The context in which forward passes run."""
    return torch.autocast(device.type, dtype=_TYPES[precision], enabled=precision != "float32")


def choose_layout(recipe: Recipe, device: torch.device) -> torch.memory_format:
    """Channels last on a GPU, where it is faster; not on a CPU, where GSF gains nothing from it."""
    wanted = device.type == "cuda" if recipe.channels_last is None else recipe.channels_last
    return torch.channels_last if wanted else torch.contiguous_format


def as_laid_out(frames: torch.Tensor, layout: torch.memory_format) -> torch.Tensor:
    """`(B, T, 3, H, W)` in a memory format: convolutions take that of their input, whatever that of their weights."""
    if layout == torch.contiguous_format:
        return frames.contiguous()
    return frames.movedim(2, -1).contiguous().movedim(-1, 2)
