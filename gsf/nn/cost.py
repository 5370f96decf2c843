"""What a video model costs: parameters, and multiply-adds per clip."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from .model import VideoModel


def count_parameters(model: nn.Module) -> int:
    """Trainable and frozen parameters; running statistics of batch norms are none."""
    return sum(value.numel() for value in model.parameters())


def count_macs(model: VideoModel, *, size: int | None = None) -> int:
    """Multiply-adds of one clip, of every convolution and matrix product, those of temporal modules included.

    What the literature calls "FLOPs" of a video network. Norms, activations, pooling and shifts are not counted,
    and taps that fall on padding are. Nothing is computed: shapes alone pass through a copy of the model, which
    may lie on any device, meta included, and is left as it is.

    Args:
        model: the clip has its `num_segments` frames.
        size: side of the square input in px; the one of its preprocessing unless told.

    Raises:
        ValueError: a size below 1.
    """
    size = model.preprocessing.size if size is None else size
    if size < 1:
        raise ValueError(f"size is {size}, must be >= 1 px")
    shapes = copy.deepcopy(model).eval()
    # Fake tensors rather than meta ones: they have a device, which autocast inside of a network asks for.
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), FlopCounterMode(display=False) as counter:
        shapes.to_empty(device="cpu")
        shapes(torch.empty(1, model.num_segments, 3, size, size))
    flops: int = counter.get_total_flops()
    return flops // 2  # torch counts a multiplication and an addition apart
