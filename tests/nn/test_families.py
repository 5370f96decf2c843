"""Temporal modules in every CNN of torchvision: all of them as shapes, the smallest of each family for real.

As shapes, too, the default tests take one or two of a family; the larger ones, of the same blocks, are slow.
"""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from gsf.nn import GSF, create_model, insert_temporal
from gsf.nn.backbones import known_backbones
from gsf.nn.places import find_places
from gsf.nn.shapes import ShapesOnly
from gsf.nn.versions import with_versions

NAMES: list[str] = torchvision.models.list_models(module=torchvision.models)
TRANSFORMERS = [name for name in NAMES if name.startswith(("vit_", "swin_"))]
CNNS = [name for name in NAMES if name not in TRANSFORMERS]

# The smallest of each family; frames of a side that leaves a map of at least one pixel everywhere.
SMALL: list[tuple[str, int]] = [
    ("alexnet", 64),
    ("convnext_tiny", 32),
    ("densenet121", 32),
    ("efficientnet_b0", 32),
    ("efficientnet_v2_s", 32),
    ("googlenet", 32),
    ("inception_v3", 75),
    ("mnasnet0_5", 32),
    ("mobilenet_v2", 32),
    ("mobilenet_v3_small", 32),
    ("regnet_x_400mf", 32),
    ("regnet_y_400mf", 32),
    ("resnet18", 32),
    ("resnext50_32x4d", 32),
    ("shufflenet_v2_x0_5", 32),
    ("squeezenet1_1", 32),
    ("vgg11", 32),
    ("vgg11_bn", 32),
]


SHAPES = {"maxvit_t", "resnet50", "wide_resnet50_2", *(name for name, _ in SMALL)}


def as_shapes(name: str) -> nn.Module:
    slow_draws = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with ShapesOnly():
        net: nn.Module = torchvision.models.get_model(name, **slow_draws)
    return net


def places(net: nn.Module, temporal: Any, where: list[str] | None = None) -> list[str]:
    return [place.path for place in find_places(net, temporal, where)]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in SHAPES else pytest.mark.slow) for name in CNNS]
)
def test_every_cnn_takes_modules_and_still_loads_its_image_weights(name: str) -> None:
    net = as_shapes(name)
    image_weights = {key: value.shape for key, value in net.state_dict().items()}
    shifted = find_places(net, "tsm")
    assert all(place.conv.in_channels >= 8 for place in shifted)  # room for a shift, so none in front of pixels
    with ShapesOnly():
        rows = insert_temporal(net, "gsf", 8)
        again = copy.deepcopy(net)
    assert all(row.processed for row in rows)
    for row in rows:
        assert isinstance(net.get_submodule(f"{row.where}.temporal"), GSF)
    state = net.state_dict()
    assert {key: state[key].shape for key in image_weights} == image_weights
    image_state = with_versions(net, {key: state[key] for key in image_weights})
    loaded = net.load_state_dict(image_state, strict=False, assign=True)
    assert not loaded.unexpected_keys
    assert loaded.missing_keys
    assert all(".temporal." in key for key in loaded.missing_keys)
    again.load_state_dict(state, assign=True)


@pytest.mark.parametrize("name", ["vit_b_16", "swin_t", "swin_v2_t"])
def test_transformer_is_refused_as_what_it_is(name: str) -> None:
    assert name in TRANSFORMERS
    with pytest.raises(ValueError, match=r"no place for temporal modules.*a transformer and no CNN"):
        insert_temporal(as_shapes(name), "gsf", 8)


def test_every_network_of_torchvision_is_a_backbone() -> None:
    assert set(known_backbones()) >= set(NAMES)


@cache
def _built(name: str) -> nn.Module:
    """A network with random weights, in a fraction of the time that its own initialisation takes."""
    net: Any = as_shapes(name)
    if isinstance(net, torchvision.models.VGG | torchvision.models.AlexNet):
        net.avgpool, net.classifier = nn.AdaptiveAvgPool2d(1), nn.Identity()  # 100 million weights less
    for auxiliary in ("aux1", "aux2", "AuxLogits"):  # classifiers that see too small a map here
        if hasattr(net, auxiliary):
            setattr(net, auxiliary, None)
            net.aux_logits = False
    net.to_empty(device="cpu")
    for module in net.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
        elif hasattr(module, "layer_scale"):  # ConvNeXt
            nn.init.constant_(module.layer_scale, 0.1)
        # So that signals do not fade out: weights of the right size, and statistics that one pass sets.
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        net.train()(torch.randn(4, 3, dict(SMALL)[name], dict(SMALL)[name]))
    return net


def small(name: str) -> nn.Module:
    return copy.deepcopy(_built(name)).eval()


def logits(net: nn.Module, frames: Tensor) -> Tensor:
    with torch.inference_mode():
        out: Tensor = net.eval()(frames)
    return out


@pytest.mark.parametrize(("name", "size"), SMALL)
def test_small_member_of_each_family_starts_as_its_image_network_learns_and_keeps_its_state(
    name: str, size: int
) -> None:
    net, plain, again = small(name), small(name), small(name)
    frames = torch.randn(4, 3, size, size)
    insert_temporal(net, "gsf", 2, start="identity")
    assert torch.equal(logits(net, frames), logits(plain, frames))

    net.train()(frames).square().sum().backward()
    gates = [module.gate for module in net.modules() if isinstance(module, GSF)]
    assert gates
    assert all(gate.weight.grad.abs().max() > 0 for gate in gates)

    with torch.no_grad():
        for gate in gates:
            gate.weight -= 1e-3 * gate.weight.grad.sign()
    insert_temporal(again, "gsf", 2, start="identity")
    again.load_state_dict(net.state_dict())
    assert torch.equal(logits(again, frames), logits(net, frames))


@pytest.mark.parametrize(("name", "size"), SMALL)
def test_frames_of_a_clip_see_each_other_in_every_family(name: str, size: int) -> None:
    net = small(name)
    clip = torch.randn(2, 3, size, size)
    changed = torch.stack((clip[0], clip[1].flip(-1)))  # the other frame

    def difference() -> float:
        before, after = logits(net, clip)[0], logits(net, changed)[0]
        return float((before - after).norm() / before.norm())

    assert difference() < 1e-5
    insert_temporal(net, "tsm", 2)
    assert difference() > 1e-3


@pytest.mark.parametrize("name", ["googlenet", "inception_v3", "mnasnet0_5", "squeezenet1_1"])
def test_file_of_image_weights_loads_without_its_classifiers(name: str, tmp_path: Path) -> None:
    theirs = as_shapes(name).to_empty(device="cpu")
    state = {key: torch.full_like(value, 1) for key, value in theirs.state_dict().items()}
    save_file(state, tmp_path / "weights.safetensors")
    model = create_model(name, "gsf", 3, 2, pretrained=tmp_path / "weights.safetensors")
    own = {key: value for key, value in model.backbone.state_dict().items() if ".temporal." not in key}
    assert own.keys() < state.keys()
    assert all((value == 1).all() for value in own.values())
