"""A causal network on a stream: each frame is computed once, and the answer is there with the frame."""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor

from .causal import CausalGSF, CausalGSM, CausalTSM, Past
from .insertion import TemporalConv2d
from .model import VideoModel

_CAUSAL = (CausalGSF, CausalGSM, CausalTSM)


@dataclass(frozen=True)
class Seen:
    """What a stream knows after a frame.

    Attributes:
        frame: logits of this frame alone, after those before it, `(B, num_classes)`.
        logits: their mean over the last T frames, as a clip of T frames has it, `(B, num_classes)`.
    """

    frame: Tensor
    logits: Tensor


class Stream:
    """Runs a network frame by frame, with a state of fixed size in every temporal module.

    Frame n of a stream gets the logits that it has in a clip that begins with the stream, up to the rounding of sums.
    The parameters are the model's own, not copies.

    Args:
        model: causal, or without temporal modules.
        window: frames whose logits are averaged; the model's `num_segments` unless given.

    Raises:
        ValueError: a model whose temporal modules look ahead, or a window below 1.
    """

    def __init__(self, model: VideoModel, *, window: int | None = None) -> None:
        window = model.num_segments if window is None else window
        if window < 1:
            raise ValueError(f"Stream: window is {window}, must be >= 1")
        shared = {id(value): value for value in (*model.parameters(), *model.buffers())}
        self._model = copy.deepcopy(model, shared).eval()
        self._modules = [part.temporal for part in self._model.modules() if isinstance(part, TemporalConv2d)]
        ahead = [type(module).__name__ for module in self._modules if not isinstance(module, _CAUSAL)]
        if ahead:
            raise ValueError(
                f"Stream: the model has {ahead[0]}, which looks at the next frame, must be causal; "
                "train a model with causal: true"
            )
        self._window: deque[Tensor] = deque(maxlen=window)
        self.reset()

    def reset(self) -> None:
        """Forget all frames: the next one is the first."""
        self._window.clear()
        for module in self._modules:
            module.streaming = True  # type: ignore[assignment]
            module.past = None  # type: ignore[assignment]

    @torch.inference_mode()
    def __call__(self, frame: Tensor) -> Seen:
        """Take the next frame `(B, 3, H, W)`, normalised, of B streams of one size."""
        logits: Tensor = self._model.classifier(self._model.backbone(frame))
        self._window.append(logits)
        return Seen(logits, torch.stack(tuple(self._window)).mean(0))

    def state_bytes(self) -> int:
        """Memory of what is kept from frame to frame."""
        kept: list[Past] = [past for module in self._modules if isinstance(past := module.past, Past)]
        values = [value for past in kept for value in (past.taps, past.moving, past.means) if value is not None]
        return sum(value.numel() * value.element_size() for value in (*values, *self._window))
