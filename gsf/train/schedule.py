"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math

from gsf.params.recipe import Recipe


def learning_rate(recipe: Recipe, *, step: int, steps_per_epoch: int) -> float:
    """Learning rate of a step (from 0): linear warm-up, then a half cosine to 0 at the end of the last epoch.

    Cosine as in Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5 without restarts.
    """
    peak = recipe.optimizer.lr
    warmup = recipe.warmup_epochs * steps_per_epoch
    total = recipe.epochs * steps_per_epoch
    if step < warmup:
        return peak * (recipe.warmup_start + (1 - recipe.warmup_start) * (step + 1) / (warmup + 1))
    if recipe.schedule == "constant":
        return peak
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))
