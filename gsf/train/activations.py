"""Activation checkpointing: blocks keep their input alone and are computed again for their gradient.

Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from gsf.errors import TrainError
from gsf.nn.model import VideoModel


def checkpoint_blocks(model: VideoModel) -> int:
    """Make every block of the backbone compute itself again in the backward pass; how many there are.

    Raises:
        TrainError: the backbone has no blocks.
    """
    blocks = list(_blocks(model.backbone))
    if not blocks:
        raise TrainError(
            "checkpoint_activations is true, must be false for this backbone, which has no blocks: raise accumulate"
        )
    for block in blocks:
        forward: Any = partial(checkpoint, block.forward, use_reentrant=False, context_fn=partial(_contexts, block))
        block.forward = forward
    return len(blocks)


def _blocks(module: nn.Module) -> Iterator[nn.Module]:
    """The outermost modules that are more than one layer; rows of blocks are looked into."""
    for child in module.children():
        if not any(True for _ in child.children()):
            continue  # a single layer
        if isinstance(child, nn.Sequential | nn.ModuleList) and any(list(part.children()) for part in child.children()):
            yield from _blocks(child)
        else:
            yield child


def _contexts(block: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Around the first and the second computation of a block."""
    return nullcontext(), _statistics_kept(block)


@contextmanager
def _statistics_kept(block: nn.Module) -> Iterator[None]:
    """Batch norms see the same batch a second time, which must not count twice in their running statistics."""
    norms: list[Any] = [module for module in block.modules() if isinstance(module, _BatchNorm)]
    before = [(norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, batches) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(batches)
