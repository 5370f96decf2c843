"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math

from gsf.params.recipe import Recipe


def learning_rate(recipe: Recipe, *, step: int, steps_per_epoch: int) -> float:
    """Learning rate of a step (from 0): linear warm-up, then a half cosine to its end after the last epoch.

    Per epoch, all steps of an epoch have the rate of its start, and the first epoch that of the start of the warm-up.
    Cosine as in Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5 without restarts.
    """
    peak = recipe.peak_lr
    if recipe.schedule_per == "epoch":
        now, warmup, total = float(step // steps_per_epoch), recipe.warmup_epochs, float(recipe.epochs)
        rise = now / warmup if now < warmup else 1.0
    else:
        now, warmup = float(step), recipe.warmup_epochs * steps_per_epoch
        total = float(recipe.epochs * steps_per_epoch)
        rise = (now + 1) / (warmup + 1)
    if now < warmup:
        return peak * (recipe.warmup_start + (1 - recipe.warmup_start) * rise)
    if recipe.schedule == "constant":
        return peak
    fall = 0.5 * (1 + math.cos(math.pi * (now - warmup) / (total - warmup)))
    return peak * (recipe.schedule_end + (1 - recipe.schedule_end) * fall)
