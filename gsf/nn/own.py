"""The published backbones, which are ours and need torch alone: one row each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from .bninception import BNInception
from .inceptionv3 import InceptionV3
from .preprocessing import Preprocessing
from .resnet import BasicBlock, Bottleneck, ResNet

IMAGENET = Preprocessing(
    size=224, short_side=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), colour_order="rgb", scale=255.0
)
# Weights that come from Caffe: blue first, 0..255, only the mean is taken away.
CAFFE = Preprocessing(
    size=224, short_side=256, mean=(104.0, 117.0, 128.0), std=(1.0, 1.0, 1.0), colour_order="bgr", scale=1.0
)


Net = BNInception | InceptionV3 | ResNet


@dataclass(frozen=True)
class Own:
    """One network of ours: how it is built, and what it wants to see."""

    build: Callable[[], Net]
    preprocessing: Preprocessing


OWN: dict[str, Own] = {
    "bninception": Own(BNInception, CAFFE),
    # 229 px, as GSM and GSF were published with; the TSN network was at 299 px.
    "inceptionv3": Own(InceptionV3, dataclasses.replace(CAFFE, size=229, short_side=261)),
    "resnet18": Own(partial(ResNet, BasicBlock, (2, 2, 2, 2)), IMAGENET),
    "resnet34": Own(partial(ResNet, BasicBlock, (3, 4, 6, 3)), IMAGENET),
    "resnet50": Own(partial(ResNet, Bottleneck, (3, 4, 6, 3)), IMAGENET),
    "resnet101": Own(partial(ResNet, Bottleneck, (3, 4, 23, 3)), IMAGENET),
    "resnet152": Own(partial(ResNet, Bottleneck, (3, 8, 36, 3)), IMAGENET),
}
