"""What the gates of a network say while it looks at a clip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gsf.nn.insertion import TemporalConv2d
from gsf.nn.model import VideoModel


@dataclass(frozen=True, eq=False)
class Planes:
    """The planes of one layer, `(T, 2, H, W)` in (-1, 1).

    Plane 0 is the gate of the first half of the features, of which frame t gives to frame t - 1; plane 1 that of the
    second half, of which it gives to frame t + 1 (Sudhakaran, Escalera, Lanz, TPAMI 2023, section 3). 0: all stays.
    """

    layer: str  # the convolution it stands at
    processed: int  # channels that take part
    values: Tensor


@torch.inference_mode()
def gate_planes(model: VideoModel, clip: Tensor) -> tuple[list[Planes], int]:
    """The planes of every gated layer for one clip, in the order of the network, and the class it predicts.

    Args:
        model: in evaluation mode.
        clip: `(T, 3, H, W)`, preprocessed.
    """
    found: list[Planes] = []
    with _recording(model, found):
        logits = model(clip[None])
    return found, int(logits[0].argmax())


@contextmanager
def _recording(model: VideoModel, found: list[Planes]) -> Iterator[None]:
    """Within it, each forward pass leaves its planes.

    From what enters a layer, not from its gate: faster forms of a layer compute gate and shift in one pass, in which
    the gate is never called.
    """
    hooks = [
        module.temporal.register_forward_pre_hook(_recorder(name, found))
        for name, module in model.backbone.named_modules()
        if isinstance(module, TemporalConv2d) and getattr(module.temporal, "gate", None) is not None
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _recorder(name: str, found: list[Planes]) -> Any:
    def record(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        gate: Any = layer.gate
        processed = int(gate.norm.num_features)
        planes = gate(inputs[0][:, :processed])
        found.append(Planes(name, processed, planes[0].float().cpu()))

    return record
