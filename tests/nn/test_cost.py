"""Parameters and multiply-adds: the published figures, and a module's own by its formula."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import nn

from gsf.nn import create_model
from gsf.nn.backbones import Preprocessing, Trunk
from gsf.nn.cost import count_macs, count_parameters
from gsf.nn.insertion import insert_temporal
from gsf.nn.model import VideoModel
from gsf.nn.shapes import ShapesOnly

PREPROCESSING = Preprocessing(20, 24, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb", 255.0)

# backbone, ratio; parameters of TSN and GSF; multiply-adds in 1e9 of 8 frames: of TSN, added by GSF
PUBLISHED: list[tuple[str, float, int, int, float, float]] = [
    ("bninception", 1.0, 10_448_590, 10_500_030, 16.25, 0.085),
    ("inceptionv3", 1.0, 22_159_310, 22_222_854, 26.62, 0.085),
    ("resnet50", 0.25, 23_864_558, 23_974_702, 32.70, 0.30),
    ("resnet50", 1.0, 23_864_558, 24_303_214, 32.70, 1.19),
    ("resnet101", 0.25, 42_856_686, 43_093_718, 62.40, 0.48),
    ("resnet101", 1.0, 42_856_686, 43_800_854, 62.40, 1.93),
]


@cache
def cost_of_plain(backbone: str) -> tuple[int, int]:
    """Parameters and multiply-adds of a published network without temporal modules."""
    with torch.device("meta"):
        plain = create_model(backbone, "none", 174, 8)
    return count_parameters(plain), count_macs(plain)


@pytest.mark.usefixtures("one_block")
@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row[0]}-{row[1]:g}")
def test_cost_is_the_published_one(row: tuple[str, float, int, int, float, float]) -> None:
    backbone, ratio, plain_parameters, gsf_parameters, plain_macs, added = row
    with torch.device("meta"):
        gsf = create_model(backbone, "gsf", 174, 8, ratio=ratio)
    parameters, of_plain = cost_of_plain(backbone)
    assert parameters == plain_parameters
    assert count_parameters(gsf) == gsf_parameters
    digits = len(f"{added:g}".partition(".")[2])
    assert round(of_plain / 1e9, 2) == plain_macs
    assert round((count_macs(gsf) - of_plain) / 1e9, digits) == added


def test_twice_the_frames_cost_twice_as_much() -> None:
    with torch.device("meta"):
        short, longer = (create_model("bninception", "gsf", 174, frames) for frames in (8, 16))
    assert count_macs(longer, size=64) == 2 * count_macs(short, size=64)


def test_how_frames_are_cut_into_blocks_changes_no_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = []
    for block in (1, 2 * 16 * 81, 1 << 40):  # one frame, two frames, all of them
        monkeypatch.setattr("gsf.nn.blocks.BLOCK", block)
        costs.append(count_macs(tiny("gsf")))
    assert costs == [costs[0]] * 3


def tiny(temporal: Any, *, ratio: float = 1.0) -> VideoModel:
    net = nn.Sequential(nn.Conv2d(3, 16, 3, stride=2, bias=False), nn.BatchNorm2d(16), nn.AvgPool2d(9), nn.Flatten())
    model = VideoModel(Trunk(net, 16, PREPROCESSING), num_classes=5, num_segments=4)
    if temporal != "none":
        insert_temporal(net, temporal, 4, ratio=ratio, where=["0"])
    return model


@pytest.mark.parametrize("ratio", [1.0, 0.5])
def test_cost_of_a_network_and_of_its_temporal_module_is_that_of_their_convolutions(ratio: float) -> None:
    processed, positions, frames = 16 * ratio, 9 * 9, 4
    plain = frames * (positions * 16 * 3 * 9 + 16 * 5)
    gate = frames * positions * 27 * processed  # 2 planes, each from half of the channels
    fuse = frames * processed * 18  # 3x3 over two maps, at every (channel, time)
    assert count_macs(tiny("none")) == plain
    assert count_macs(tiny("gsm", ratio=ratio)) == plain + gate
    assert count_macs(tiny("gsf", ratio=ratio)) == plain + gate + fuse
    without = count_parameters(tiny("none"))
    assert count_parameters(tiny("gsm", ratio=ratio)) == without + 29 * processed + 2
    assert count_parameters(tiny("gsf", ratio=ratio)) == without + 29 * processed + 40


@pytest.mark.parametrize("backbone", ["regnet_x_400mf", "squeezenet1_1"])
def test_shapes_alone_tell_what_a_network_costs(backbone: str) -> None:
    """Also of a RegNet, which calculates its widths with tensors and so cannot be built on the meta device."""
    with ShapesOnly():
        model = create_model(backbone, "gsf", 5, 2)
    assert all(value.is_meta for value in model.parameters())
    assert count_parameters(model) == count_parameters(create_model(backbone, "gsf", 5, 2))
    assert count_macs(model, size=32) > 0


def test_shift_costs_nothing() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = VideoModel(Trunk(net, 8, PREPROCESSING), num_classes=5, num_segments=2)
    before = count_macs(model), count_parameters(model)
    insert_temporal(net, "tsm", 2, where=["1"])
    assert (count_macs(model), count_parameters(model)) == before


def test_counting_leaves_the_model_as_it_is() -> None:
    model = tiny("gsf").train()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    count_macs(model)
    assert model.training
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert all(value.device.type == "cpu" for value in model.parameters())


def test_size_is_that_of_the_preprocessing_or_the_one_asked_for() -> None:
    assert count_macs(tiny("none"), size=20) == count_macs(tiny("none"))
    with torch.device("meta"):
        model = create_model("resnet18", "none", 5, 1)
    classifier = 512 * 5
    assert count_macs(model, size=128) - classifier == 4 * (count_macs(model, size=64) - classifier)
    with pytest.raises(ValueError, match="size is 0, must be >= 1 px"):
        count_macs(model, size=0)
