"""An exponential moving average of the weights, which is what is validated and kept where a recipe asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn


class Average:
    """Averaged weights of a network, its running statistics included; whole numbers are taken as they are.

    Args:
        model: whose weights are averaged.
        decay: share of the average that stays at each step; early steps keep less, (1 + n) / (10 + n) at step n, so
            that the first weights are soon forgotten.
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self._model, self._decay = model, decay
        self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, *, steps: int) -> None:
        """Take in the weights after `steps` steps."""
        stays = min(self._decay, (1 + steps) / (10 + steps))
        for name, value in self._model.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1 - stays)
            else:
                self.weights[name].copy_(value)

    def load(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take over an average that was saved."""
        for name, value in self.weights.items():
            value.copy_(weights[name])


@contextmanager
def weights_in(model: nn.Module, weights: Mapping[str, torch.Tensor] | None) -> Iterator[None]:
    """The network with other weights for a while, to the bit what it was afterwards; None leaves it alone."""
    if weights is None:
        yield
        return
    own = {name: value.detach().clone() for name, value in model.state_dict().items()}
    model.load_state_dict(dict(weights))
    try:
        yield
    finally:
        model.load_state_dict(own)
