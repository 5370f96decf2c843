"""The optimizer of a recipe, and which parameters it treats alike."""

from __future__ import annotations

from typing import Any

from torch import nn, optim

from gsf.nn.model import VideoModel
from gsf.params.recipe import Recipe


def build_optimizer(model: VideoModel, recipe: Recipe) -> optim.Optimizer:
    """SGD or AdamW over the parameters that are trained; each group's `lr_scale` multiplies the rate of a step."""
    of = recipe.optimizer
    groups = parameter_groups(model, recipe)
    if of.name == "adamw":
        return optim.AdamW(groups, lr=recipe.peak_lr, betas=of.betas or (0.9, 0.999), weight_decay=of.weight_decay)
    momentum = 0.9 if of.momentum is None else of.momentum
    return optim.SGD(groups, lr=recipe.peak_lr, momentum=momentum, nesterov=of.nesterov, weight_decay=of.weight_decay)


def parameter_groups(model: VideoModel, recipe: Recipe) -> list[dict[str, Any]]:
    """One group for each pair of decay and rate that the recipe tells apart, in the order of the parameters.

    Norms and biases are the parameters with fewer than two dimensions.
    """
    of = recipe.optimizer
    classifier = {id(parameter) for parameter in model.classifier.parameters()}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            decay = 0.0 if of.decay == "weights" and parameter.dim() < 2 else of.weight_decay
            scale = of.classifier_lr if id(parameter) in classifier else 1.0
            groups.setdefault((decay, scale), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": decay, "lr_scale": scale}
        for (decay, scale), parameters in groups.items()
    ]


def set_rate(optimizer: optim.Optimizer, lr: float) -> None:
    """Give each group its share of the rate of a step."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]
