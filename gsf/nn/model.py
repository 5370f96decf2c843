"""Video models: an image network with temporal modules, applied to every frame, whose logits are averaged.

The average over frames is the segmental consensus of Wang et al., "Temporal Segment Networks", ECCV 2016, section 3.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ._clips import Start
from .backbones import Preprocessing, Trunk, build_trunk
from .insertion import Insertion, insert_temporal
from .places import Temporal
from .pretrained import load_backbone
from .timm_networks import TIMM_PREFIX
from .versions import with_versions

# What `pretrained` may be besides a file: the libraries that fetch weights of their own networks.
DOWNLOADED = ("torchvision", "timm")

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

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """As of any module; the state dict may come from a file that tells tensors alone."""
        return super().load_state_dict(with_versions(self, state_dict), strict, assign)


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
    gate: bool = True,
    fuse: bool = True,
    interleave: bool = True,
    causal: bool = False,
    where: Sequence[str] | None = None,
) -> VideoModel:
    """Build a video model; random weights come from torch's global generator.

    Args:
        backbone: one of ours (`gsf.nn.own.OWN`), a torchvision classification network by its name, or one of timm's as
            `timm:NAME`; temporal modules need a place in it: published by the network, a kind of block that
            `gsf.nn.places.TABLE` lists, or `where`.
        temporal: "none" (TSN), "tsm", "gsm" or "gsf".
        num_classes: width of the logits.
        num_segments: frames T of a clip.
        ratio: share of the channels in GSM and GSF.
        dropout: probability in front of the classifier, 0 <= dropout < 1.
        pretrained: None, "torchvision" or "timm" (the default weights there, downloaded) or a file with the backbone's
            own keys, see `load_backbone`.
        start: initial state of the temporal modules, see `GSF`.
        gate, fuse, interleave: False leaves this part out, see `GSF`.
        causal: temporal modules look only backwards, see `gsf.nn.causal`; such a model can run on a `Stream`.
        where: which places get a module, see `insert_temporal`; names are those in `backbone`.

    Raises:
        ValueError: an unknown name or choice, a number out of range, weights that are absent or do not fit.
    """
    for name, value in (("num_classes", num_classes), ("num_segments", num_segments)):
        if value < 1:
            raise ValueError(f"{name} is {value}, must be >= 1")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout}, must be >= 0 and < 1")
    downloaded = _is_downloaded(backbone, pretrained)
    trunk = build_trunk(backbone, pretrained=downloaded)
    if pretrained is not None and not downloaded:
        load_backbone(trunk.net, pretrained)
    # The classifier is drawn before the temporal modules: one seed gives all of them the same one.
    model = VideoModel(trunk, num_classes, num_segments, dropout=dropout)
    model.insertions = insert_temporal(
        trunk.net,
        temporal,
        num_segments,
        ratio=ratio,
        where=where,
        start=start,
        gate=gate,
        fuse=fuse,
        interleave=interleave,
        causal=causal,
    )
    return model


def _is_downloaded(backbone: str, pretrained: str | Path | None) -> bool:
    """Whether `pretrained` names the library that the backbone is from, rather than a file."""
    library = "timm" if backbone.startswith(TIMM_PREFIX) else "torchvision"
    if pretrained in DOWNLOADED and pretrained != library:
        raise ValueError(
            f"backbone {backbone}: pretrained is {pretrained!r}, must be {library!r}, a .safetensors file or None: "
            "weights come from the library that the network is from"
        )
    return pretrained == library
