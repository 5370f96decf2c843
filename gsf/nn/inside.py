"""What GSF and GSM do to a feature map on the way: the gates and the fuse weights, which the layers keep to themselves.

From what enters a layer, in plain operations: faster forms of a layer compute gate, shift and fuse in one pass and
leave neither behind.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import causal, functional
from .gsf import GSF
from .gsm import GSM


@dataclass(frozen=True, eq=False)
class Inside:
    """Of B clips of T frames.

    Attributes:
        gate: `(B, T, 2, H, W)` in (-1, 1), the share of each group's features that leaves frame t; None: all of it.
        fuse: `(B, T, 2, F/2)` in (0, 1), w of `w * came + (1 - w) * stayed` in frame t; None: they are added.
        steps: frames by which each group moves: -1, to the frame before, or 1.
    """

    gate: Tensor | None
    fuse: Tensor | None
    steps: tuple[int, int]


def has_inside(module: nn.Module) -> bool:
    """Whether it is a layer that `inside` knows."""
    return isinstance(module, GSF | GSM)


@torch.no_grad()
def inside(layer: GSF | GSM, x: Tensor) -> Inside:
    """What a layer, in evaluation mode, does with `(B*T, C, H, W)`, of which the first F channels take part."""
    part = x[:, : layer.processed]
    maps = part.view(-1, layer.num_segments, 2, layer.processed // 2, *x.shape[2:])  # (B, T, 2, F/2, H, W)
    fuse = layer.fuse if isinstance(layer, GSF) else None
    if isinstance(layer, causal.CausalGSF | causal.CausalGSM):
        return _causal(layer, part, maps, fuse)
    gate: Tensor | None = None if layer.gate is None else layer.gate(part)
    moving = maps if gate is None else maps * gate.unsqueeze(3)
    # Within this package: the layers' own arithmetic, so that there is one of it.
    weights = None if fuse is None or fuse.bias is None else functional._weights(moving, maps, fuse.weight, fuse.bias)
    return Inside(gate, weights, (-1, 1))


def _causal(layer: causal.CausalGSF | causal.CausalGSM, part: Tensor, maps: Tensor, fuse: nn.Conv2d | None) -> Inside:
    gate = None if layer.gate is None else causal._gate(layer.gate, part, layer.num_segments, None)[0]
    moving = maps if gate is None else maps * gate.unsqueeze(3)
    weights = None
    if fuse is not None:
        logits, _ = causal._fuse_logits(fuse, causal._earlier(moving, None), maps - moving, None)
        weights = torch.sigmoid(logits)
    return Inside(gate, weights, (1, 1))
