"""Video models: an image network with temporal modules, applied to every frame, whose logits are averaged.

The average over frames is the segmental consensus of Wang et al., "Temporal Segment Networks", ECCV 2016, section 3.1.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from ._clips import Start
from .backbones import Preprocessing, Trunk, build_trunk
from .insertion import Insertion, Temporal, insert_temporal
from .pretrained import load_backbone

if TYPE_CHECKING:
    from .released import Released


class VideoModel(nn.Module):
    """Logits of clips: backbone over all frames, dropout, a linear classifier, the mean over frames.

    Made by `create_model`.

    Attributes:
        num_segments: frames T of a clip.
        preprocessing: what the backbone wants to see.
        insertions: the temporal modules, where they stand, and which of them were rounded down or left out.
        released: what a checkpoint read by `load_released` says of itself; None for any other model.

    Shape:
        `(B, T, 3, H, W)`, normalised, to `(B, num_classes)`.

    Raises:
        ValueError: an input of another shape.
    """

    def __init__(
        self,
        trunk: Trunk,
        num_classes: int,
        num_segments: int,
        *,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.num_segments = num_segments
        self.preprocessing: Preprocessing = trunk.preprocessing
        self.insertions: list[Insertion] = []
        self.released: Released | None = None
        self.backbone = trunk.net
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(trunk.width, num_classes)
        nn.init.normal_(self.classifier.weight, 0, 0.001)
        nn.init.zeros_(self.classifier.bias)

    def features(self, x: Tensor) -> Tensor:
        """Pooled features of every frame: `(B, T, 3, H, W)` to `(B*T, width)`, frames of a clip contiguous."""
        if x.dim() != 5 or x.shape[1] != self.num_segments or x.shape[2] != 3:
            raise ValueError(
                f"VideoModel: input has shape {tuple(x.shape)}, must be (B, {self.num_segments}, 3, H, W); "
                "create the model with the num_segments of its clips"
            )
        pooled: Tensor = self.backbone(x.flatten(0, 1))
        return pooled

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.dropout(self.features(x)))  # (B*T, num_classes)
        return logits.view(-1, self.num_segments, logits.shape[1]).mean(1)


def create_model(
    backbone: str,
    temporal: Temporal,
    num_classes: int,
    num_segments: int,
    *,
    ratio: float = 1.0,
    dropout: float = 0.5,
    pretrained: str | Path | None = None,
    start: Start = "published",
    interleave: bool = True,
) -> VideoModel:
    """Build a video model; random weights come from torch's global generator.

    Args:
        backbone: one of ours (`gsf.nn.own.OWN`) or a torchvision classification network by its name; temporal modules
            need a network that publishes their places, or a family that `gsf.nn.insertion.TABLE` lists.
        temporal: "none" (TSN), "tsm", "gsm" or "gsf".
        num_classes: width of the logits.
        num_segments: frames T of a clip.
        ratio: share of the channels in GSM and GSF.
        dropout: probability in front of the classifier, 0 <= dropout < 1.
        pretrained: None, "torchvision" (its default weights, downloaded) or a file with the backbone's own keys, see
            `load_backbone`.
        start: initial state of the temporal modules, see `GSF`.
        interleave: see `GSF`.

    Raises:
        ValueError: an unknown name or choice, a number out of range, weights that are absent or do not fit.
    """
    for name, value in (("num_classes", num_classes), ("num_segments", num_segments)):
        if value < 1:
            raise ValueError(f"{name} is {value}, must be >= 1")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout}, must be >= 0 and < 1")
    trunk = build_trunk(backbone, pretrained=pretrained == "torchvision")
    if pretrained is not None and pretrained != "torchvision":
        load_backbone(trunk.net, pretrained)
    # The classifier is drawn before the temporal modules: one seed gives all of them the same one.
    model = VideoModel(trunk, num_classes, num_segments, dropout=dropout)
    model.insertions = insert_temporal(
        trunk.net, temporal, num_segments, ratio=ratio, start=start, interleave=interleave
    )
    return model
