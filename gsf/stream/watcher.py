"""A network that looks at one picture after the other, prepared as an evaluation prepares the frames of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gsf.data.augment.resize import resize_short_side
from gsf.data.crops import crops
from gsf.data.decode import decode_frames
from gsf.data.preprocess import normalize
from gsf.errors import EvaluationError
from gsf.evaluate.predict import full_float32
from gsf.nn.model import VideoModel
from gsf.nn.streaming import Stream
from gsf.predict.answers import ranked
from gsf.train.checkpoint import CheckpointInfo


@dataclass(frozen=True)
class Look:
    """What the network says once it has seen a picture.

    Attributes:
        probabilities: of all classes, the most probable first, over the last `frames` pictures.
        frames: at most the network's T; fewer at the beginning.
    """

    probabilities: tuple[tuple[str, float], ...]
    frames: int


class Watcher:
    """A causal network and its state.

    Raises:
        EvaluationError: the network looks ahead.
    """

    def __init__(self, network: VideoModel, info: CheckpointInfo, device: torch.device) -> None:
        if info.model.temporal != "none" and not info.model.causal:
            raise EvaluationError(
                f"model {info.model.name}: looks at frames that are still to come, must be causal to follow a stream;"
                " train one whose model file has `causal: true` (params/models/gsf-resnet18-48-causal.yaml), or ask"
                " `gsf predict --window SECONDS`"
            )
        self._stream = Stream(network.to(device))
        self._preprocessing = network.preprocessing
        self._model, self._device = info.model, device
        self.classes = tuple(info.classes)
        self._seen = 0
        self._warm_up()

    def __call__(self, jpeg: bytes, *, name: str = "a picture") -> Look:
        """Look at the next picture."""
        logits = self._logits(self.picture(jpeg, name=name))
        self._seen += 1
        probabilities = torch.softmax(logits.double(), -1).tolist()
        return Look(ranked(self.classes, probabilities), min(self._seen, self._model.num_segments))

    def picture(self, jpeg: bytes, *, name: str) -> torch.Tensor:
        """`(3, size, size)` uint8: scaled, and its centre crop."""
        scaled = resize_short_side(decode_frames([jpeg], names=[name]), self._model.short_side)
        return crops(scaled, size=self._model.input_size, count=1)[0][0]

    def _logits(self, picture: torch.Tensor) -> torch.Tensor:
        """`(classes,)`, over the last T pictures."""
        with torch.inference_mode(), full_float32():
            seen = self._stream(normalize(picture[None].to(self._device), self._preprocessing))
            return seen.logits[0].float().cpu()

    def _warm_up(self) -> None:
        """The first pass takes several times as long as the others."""
        size = self._model.input_size
        self._logits(torch.zeros(3, size, size, dtype=torch.uint8))
        self._stream.reset()
