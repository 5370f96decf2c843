"""A network of a few hundred parameters that follows a stream, and videos to follow."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from gsf.nn import insert_temporal
from gsf.nn.backbones import Trunk
from gsf.nn.model import VideoModel
from gsf.nn.own import IMAGENET
from gsf.params.model import Model
from gsf.stream.watcher import Watcher
from gsf.train.checkpoint import CheckpointInfo
from tests.video.clips import write_clip

TIME, SIZE, FPS = 4, 32, 10  # FPS: of `write_clip`
CLASSES = ("left", "right", "up")


def tiny_network(*, causal: bool = True) -> VideoModel:
    """GSF in a network of two convolutions, with weights that matter."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, 4, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    model = VideoModel(Trunk(net, 8, IMAGENET), len(CLASSES), TIME)
    insert_temporal(net, "gsf", TIME, where=["2"], causal=causal)
    nn.init.normal_(model.classifier.weight)
    return model.eval()


def tiny_info(*, causal: bool = True) -> CheckpointInfo:
    """What its checkpoint would say."""
    model = Model(
        name="tiny", backbone="tiny", temporal="gsf", num_segments=TIME, input_size=SIZE, short_side=36, causal=causal
    )
    return CheckpointInfo(model=model, classes=list(CLASSES), epoch=1, seed=0)


def tiny_watcher() -> Watcher:
    return Watcher(tiny_network(), tiny_info(), torch.device("cpu"))


def clip(folder: Path, *, frames: int = 8, name: str = "clip.mp4") -> Path:
    """Ten pictures a second of 48 x 36 px."""
    return write_clip(folder / name, frames=frames)
