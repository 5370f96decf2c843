"""The tensors of a training under one set of names, for its state on disk, and back into it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn, optim

_MODEL, _OPTIMIZER, _AVERAGE, _BEST = "model.", "optimizer.", "average.", "best."

Weights = Mapping[str, torch.Tensor]


def tensors_of(
    model: nn.Module, optimizer: optim.Optimizer, *, average: Weights | None, best: Weights | None
) -> dict[str, torch.Tensor]:
    """All tensors that a training goes on from."""
    tensors = {_MODEL + name: value for name, value in model.state_dict().items()}
    for index, of_parameter in optimizer.state_dict()["state"].items():
        tensors |= {f"{_OPTIMIZER}{index}.{name}": value for name, value in of_parameter.items() if value is not None}
    for prefix, weights in ((_AVERAGE, average), (_BEST, best)):
        tensors |= {prefix + name: value for name, value in (weights or {}).items()}
    return tensors


def restore(tensors: Weights, model: nn.Module, optimizer: optim.Optimizer) -> tuple[Weights, Weights]:
    """Put weights and the optimizer's state back; the averaged and the best weights, empty where there are none."""
    model.load_state_dict(part(tensors, _MODEL))
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for name, value in part(tensors, _OPTIMIZER).items():
        index, _, key = name.partition(".")
        parameter = parameters[int(index)]
        # In the parameter's own memory format: the rounding of a sum may depend on the order of its terms in memory.
        like = torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value
        optimizer.state[parameter][key] = like.detach()
    return part(tensors, _AVERAGE), part(tensors, _BEST)


def part(tensors: Weights, prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
