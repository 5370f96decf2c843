"""What the layers and the classifier of a network say while it looks at a clip, in one ordinary forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gsf.nn.insertion import TemporalConv2d
from gsf.nn.inside import has_inside, inside
from gsf.nn.model import VideoModel


@dataclass(frozen=True, eq=False)
class Layer:
    """One GSF or GSM layer over the T frames of a clip.

    Attributes:
        name: of the convolution it stands at.
        processed: channels F that take part, in two groups.
        gate: `(T, 2, H, W)` in (-1, 1); None where the layer has none and every feature moves. Plane 0 is the gate of
            the first group, of which frame t gives to frame t + steps[0]; plane 1 that of the second (Sudhakaran,
            Escalera, Lanz, TPAMI 2023, section 3). 0: all stays.
        fuse: `(T, 2, F/2)` in (0, 1): how much of what a channel becomes in frame t has come from the frame beside;
            None where what came and what stayed is added (GSM).
        steps: (-1, 1); (1, 1) in a layer that looks only backwards.
    """

    name: str
    processed: int
    gate: Tensor | None
    fuse: Tensor | None
    steps: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Look:
    """What was recorded of one clip: layers in the order of the network, and the logits."""

    layers: tuple[Layer, ...]
    by_frame: Tensor  # (T, classes): logits of each frame, in front of the mean over frames
    logits: Tensor  # (classes,): what the network answers


@torch.inference_mode()
def look(model: VideoModel, clip: Tensor) -> Look:
    """Let a network look at a clip.

    Args:
        model: in evaluation mode.
        clip: `(T, 3, H, W)`, preprocessed, on the device of the model.
    """
    layers: list[Layer] = []
    by_frame: list[Tensor] = []
    with _recording(model, layers, by_frame):
        logits = model(clip[None])
    return Look(tuple(layers), by_frame[0].float().cpu(), logits[0].float().cpu())


@contextmanager
def _recording(model: VideoModel, layers: list[Layer], by_frame: list[Tensor]) -> Iterator[None]:
    """Within it, a forward pass leaves what its layers did, and the logits of its frames."""
    hooks = [
        module.temporal.register_forward_pre_hook(_recorder(name, layers))
        for name, module in model.backbone.named_modules()
        if isinstance(module, TemporalConv2d) and has_inside(module.temporal)
    ]
    hooks.append(model.classifier.register_forward_hook(lambda _, __, out: by_frame.append(out)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _recorder(name: str, layers: list[Layer]) -> Any:
    def record(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found = inside(layer, inputs[0])  # type: ignore[arg-type]
        gate, fuse = (None if value is None else value[0].float().cpu() for value in (found.gate, found.fuse))
        layers.append(Layer(name, int(layer.processed), gate, fuse, found.steps))  # type: ignore[arg-type]

    return record
