"""Batch norms in training: frozen ones, and ones whose statistics are those of all processes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.autograd import Function
from torch.nn.modules.batchnorm import _BatchNorm

from gsf.nn.gate import Gate
from gsf.nn.model import VideoModel
from gsf.params.recipe import Recipe


def frozen_norms(model: VideoModel, recipe: Recipe) -> list[nn.Module]:
    """The batch norms that a recipe freezes; those of temporal modules are new and never are."""
    if recipe.frozen_norms == "none":
        return []
    new = {id(module.norm) for module in model.modules() if isinstance(module, Gate)}
    norms: list[nn.Module] = [
        module for module in model.modules() if isinstance(module, _BatchNorm) and id(module) not in new
    ]
    return norms[1:] if recipe.frozen_norms == "all_but_first" else norms


def fix(norms: list[nn.Module]) -> None:
    """Take weights and biases of norms out of the training."""
    for norm in norms:
        for parameter in norm.parameters():
            parameter.requires_grad_(False)


def train_mode(model: nn.Module, frozen: list[nn.Module]) -> None:
    """Training mode, in which frozen norms go on with the statistics that they have."""
    model.train()
    for norm in frozen:
        norm.eval()


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the batches of all processes, on any device; torch's own needs a GPU."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not distributed.is_initialized():
            return super().forward(x)
        wide = x.float()
        count = torch.full((1,), float(x.numel() // x.shape[1]), device=x.device)
        sums = _sum(torch.cat([wide.sum((0, 2, 3)), count]))  # (C + 1,)
        mean = sums[:-1] / sums[-1]
        centred = wide - mean[:, None, None]
        variance = _sum(centred.square().sum((0, 2, 3))) / sums[-1]
        self._remember(mean, variance, sums[-1])
        scale = torch.rsqrt(variance + self.eps) * self.weight
        out: Tensor = (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)
        return out

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / (count - 1)), share)


class _Sum(Function):
    """The sum over all processes, whose gradient is summed over them too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


def _sum(values: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(values)
    return total


def share_norms(model: nn.Module, *, device: torch.device) -> None:
    """Replace every batch norm by one over all processes; weights and statistics are the same tensors."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.BatchNorm2d:
                setattr(parent, name, _shared(child, device=device))


def _shared(norm: nn.BatchNorm2d, *, device: torch.device) -> nn.Module:
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(norm)  # type: ignore[no-untyped-call]
        return converted
    shared = SharedBatchNorm(norm.num_features, eps=norm.eps, momentum=norm.momentum)
    shared.weight, shared.bias = norm.weight, norm.bias
    shared.running_mean, shared.running_var = norm.running_mean, norm.running_var
    shared.num_batches_tracked = norm.num_batches_tracked
    return shared
