"""What a video model is: its size, its cost, where its temporal modules stand, and what it wants to see."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from .backbones import Preprocessing
from .cost import count_macs, count_parameters
from .insertion import Insertion, TemporalConv2d
from .model import VideoModel


@dataclass(frozen=True)
class Place:
    """One place of a temporal module, with the feature map that passes through it."""

    where: str  # the convolution it stands at, by its name in the backbone
    channels: int
    processed: int  # channels that take part; 0: too few were left, no module stands here
    height: int  # px of the feature map
    width: int


@dataclass(frozen=True)
class Description:
    """Everything `describe` finds out."""

    num_classes: int
    num_segments: int
    size: int  # px, side of the square input that the shapes and the cost below are for
    preprocessing: Preprocessing
    parameters: int
    temporal_parameters: int  # of them in temporal modules
    macs: int  # multiply-adds of one clip
    places: tuple[Place, ...]

    def to_json(self) -> dict[str, Any]:
        """The same, of plain values."""
        return asdict(self)

    def to_text(self) -> str:
        """The same as lines for people."""
        seen = self.preprocessing
        lines = [
            f"clip           {self.num_segments} frames of {self.size} x {self.size} px, {self.num_classes} classes",
            f"parameters     {self.parameters:,}, of them {self.temporal_parameters:,} in temporal modules",
            f"multiply-adds  {self.macs / 1e9:.2f} G per clip",
            f"preprocessing  {seen.colour_order.upper()}, (pixel / {seen.scale:g} - mean) / std, short side "
            f"{seen.short_side} px, crop {seen.size} px",
            f"               mean {_numbers(seen.mean)}, std {_numbers(seen.std)}",
        ]
        if not self.places:
            return "\n".join([*lines, "no temporal modules"])
        width = max(len("temporal module at"), *(len(place.where) for place in self.places))
        lines += ["", f"{'temporal module at':{width}}  channels  processed  height x width"]
        lines += [
            f"{place.where:{width}}  {place.channels:>8}  {place.processed:>9}  {place.height:>6} x {place.width}"
            for place in self.places
        ]
        return "\n".join(lines)


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)


def describe(model: VideoModel, *, size: int | None = None) -> Description:
    """Describe a model, which may lie on any device, meta included; nothing is computed but shapes.

    Args:
        size: side of the square input in px; the one of its preprocessing unless told.

    Raises:
        ValueError: a size below 1.
    """
    size = model.preprocessing.size if size is None else size
    temporal = [module.temporal for module in model.modules() if isinstance(module, TemporalConv2d)]
    return Description(
        num_classes=model.classifier.out_features,
        num_segments=model.num_segments,
        size=size,
        preprocessing=model.preprocessing,
        parameters=count_parameters(model),
        temporal_parameters=sum(count_parameters(module) for module in temporal),
        macs=count_macs(model, size=size),
        places=tuple(_places(model, size)),
    )


def _places(model: VideoModel, size: int) -> list[Place]:
    shapes: dict[str, torch.Size] = {}
    twin = copy.deepcopy(model).eval()
    for row in model.insertions:
        conv = twin.backbone.get_submodule(row.where)
        conv.register_forward_hook(_recorder(shapes, row.where, in_front=getattr(conv, "in_front", False)))
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        twin.to_empty(device="cpu")
        twin(torch.empty(1, model.num_segments, 3, size, size))
    return [_place(row, shapes[row.where]) for row in model.insertions]


def _recorder(shapes: dict[str, torch.Size], where: str, *, in_front: bool) -> Any:
    def record(_: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        shapes[where] = (inputs[0] if in_front else output).shape

    return record


def _place(row: Insertion, shape: torch.Size) -> Place:
    return Place(row.where, row.channels, row.processed, shape[-2], shape[-1])
