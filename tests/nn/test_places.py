"""Which places temporal modules take: blocks of each kind, and the part of them that is asked for."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from gsf.nn import GSF, GSM, TSM, create_model, insert_temporal
from gsf.nn.places import find_places
from gsf.nn.shapes import ShapesOnly


def network(name: str) -> nn.Module:
    with ShapesOnly():
        net: nn.Module = torchvision.models.get_model(name)
    return net


@cache
def looked_at(name: str) -> nn.Module:
    """A network that nobody changes."""
    return network(name)


def paths(name: str, temporal: Any, where: list[str] | None = None) -> list[str]:
    return [place.path for place in find_places(looked_at(name), temporal, where)]


@pytest.mark.parametrize(
    ("name", "count", "last", "first"),
    [
        ("alexnet", 3, "features.10", "features.6"),
        ("convnext_tiny", 18, "features.7.2.block.0", "features.7.2.block.0"),
        ("densenet121", 58, "features.denseblock4.denselayer16.conv2", "features.denseblock4.denselayer16.conv1"),
        ("efficientnet_b0", 9, "features.6.3.block.3.0", "features.6.3.block.0.0"),
        ("googlenet", 9, "inception5b.branch1.conv", "inception5b.branch1.conv"),
        ("maxvit_t", 11, *(f"blocks.3.layers.1.layers.MBconv.layers.{conv}" for conv in ("conv_c", "conv_a.0"))),
        ("mnasnet1_0", 10, "layers.12.3.layers.6", "layers.12.3.layers.0"),
        ("mobilenet_v3_large", 10, "features.15.block.3.0", "features.15.block.0.0"),
        ("regnet_y_400mf", 16, "trunk_output.block4.block4-5.f.c.0", "trunk_output.block4.block4-5.f.a.0"),
        ("resnext50_32x4d", 16, "layer4.2.conv3", "layer4.2.conv1"),
        ("shufflenet_v2_x1_0", 16, "stage4.3.branch2.5", "stage4.3.branch2.0"),
        ("squeezenet1_1", 8, "features.12.expand3x3", "features.12.squeeze"),
        ("vgg16_bn", 5, "features.40", "features.34"),
    ],
)
def test_default_place_is_the_documented_one_of_its_family(name: str, count: int, last: str, first: str) -> None:
    assert (len(paths(name, "gsf")), paths(name, "gsf")[-1]) == (count, last)
    assert paths(name, "tsm")[-1] == first


def test_default_places_of_torchvisions_inception_are_the_published_ones_of_inceptionv3() -> None:
    """`mixed` is Mixed_5b there: eleven modules, of these widths."""
    rows = find_places(looked_at("inception_v3"), "gsf")
    assert [row.conv.out_channels for row in rows] == [64, 64, 64, 384, 192, 192, 192, 192, 192, 320, 320]


def test_places_in_front_of_a_norm_are_in_front_of_it() -> None:
    """Batch norm, or the layer norm of ConvNeXt, is what follows in the order of the network."""
    for name in ("resnet50", "regnet_x_400mf", "efficientnet_b0", "convnext_tiny", "shufflenet_v2_x0_5", "vgg11_bn"):
        net = looked_at(name)
        leaves = [(path, module) for path, module in net.named_modules() if not list(module.children())]
        following = {path: after for (path, _), (_, after) in pairwise(leaves)}
        for place in find_places(net, "gsf"):
            after = following[place.path]
            assert isinstance(after, nn.BatchNorm2d) or type(after).__name__ == "Permute", (name, place.path)


@pytest.mark.parametrize(
    ("name", "temporal", "where", "expected"),
    [
        ("resnet50", "gsf", ["layer4"], ["layer4.0.conv3", "layer4.1.conv3", "layer4.2.conv3"]),
        ("resnet50", "tsm", ["layer4"], ["layer4.0.conv1", "layer4.1.conv1", "layer4.2.conv1"]),
        ("resnet50", "gsf", ["layer4.*"], ["layer4.0.conv3", "layer4.1.conv3", "layer4.2.conv3"]),
        ("resnet50", "gsf", ["layer4.*.conv2"], ["layer4.0.conv2", "layer4.1.conv2", "layer4.2.conv2"]),
        ("resnet50", "gsf", ["layer4.[01].conv3"], ["layer4.0.conv3", "layer4.1.conv3"]),
        ("resnet50", "gsf", ["layer4.0", "conv1"], ["conv1", "layer4.0.conv3"]),
        ("resnet50", "gsf", ["layer4.0.conv3", "layer4.0"], ["layer4.0.conv3"]),
        ("vgg11", "gsf", ["features"], [f"features.{i}" for i in (0, 3, 8, 13, 18)]),
        ("convnext_tiny", "tsm", ["features.7"], [f"features.7.{i}.block.0" for i in range(3)]),
    ],
)
def test_part_of_the_places_is_chosen_by_names_and_patterns(
    name: str, temporal: Any, where: list[str], expected: list[str]
) -> None:
    assert paths(name, temporal, where) == expected


def test_place_starts_alike_whether_by_default_or_named() -> None:
    net = looked_at("resnet50")
    assert {place.fuse_init for place in find_places(net, "gsf")} == {"kaiming"}
    assert [place.fuse_init for place in find_places(net, "gsf", ["layer1.0.conv3", "conv1"])] == ["default", "kaiming"]


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (["layer3.*.conv4"], r"names 'layer3\.\*\.conv4', which matches nothing.*near it: .*layer3\.\d\.conv"),
        (["layer5"], r"names 'layer5', which matches nothing.*near it: .*layer4"),
        (["layer1.0.relu"], r"'layer1\.0\.relu', which holds no place"),
        (["fc"], "'fc', which holds no place"),
        (["layer1", "layer1"], "must name each thing once"),
        ([], "must name something"),
    ],
)
def test_name_or_pattern_without_match_is_an_error_that_lists_near_ones(where: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        find_places(looked_at("resnet18"), "gsf", where)


def test_convolution_that_computes_more_is_refused() -> None:
    class Scaled(nn.Conv2d):
        pass

    net = nn.Sequential(Scaled(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3))
    with pytest.raises(ValueError, match="0 is a Scaled, must be a plain Conv2d"):
        insert_temporal(net, "gsf", 2, where=["0"])
    hooked = net[2].register_forward_hook(lambda *_: None)
    with pytest.raises(ValueError, match="2 is a Conv2d with hooks, must be a plain Conv2d"):
        insert_temporal(net, "gsf", 2, where=["2"])
    hooked.remove()
    assert len(insert_temporal(net, "gsf", 2, where=["2"])) == 1


def test_hybrid_with_attention_takes_modules_in_its_convolutional_blocks() -> None:
    net = torchvision.models.MaxVit(
        input_size=(32, 32),
        stem_channels=8,
        partition_size=2,
        block_channels=[8, 16],
        block_layers=[1, 1],
        head_dim=4,
        stochastic_depth_prob=0.0,
        num_classes=3,
    )
    assert len(insert_temporal(net, "gsf", 2)) == 2
    net(torch.randn(2, 3, 32, 32)).square().sum().backward()
    assert all(value.grad is not None for value in net.parameters())


def test_model_takes_a_part_of_the_places() -> None:
    with ShapesOnly():
        model = create_model("resnet18", "gsm", 5, 8, where=["layer3", "layer4"])
    assert [row.where for row in model.insertions] == [
        f"layer{layer}.{block}.conv2" for layer in (3, 4) for block in (0, 1)
    ]
    assert sum(isinstance(module, GSM) for module in model.modules()) == 4
    with pytest.raises(ValueError, match="where is given with temporal 'none'"), ShapesOnly():
        create_model("resnet18", "none", 5, 8, where=["layer3"])


def test_gsf_without_its_parts_is_a_plain_shift_of_every_channel() -> None:
    conv = nn.Conv2d(3, 8, 1)
    net = nn.Sequential(conv)
    insert_temporal(net, "gsf", 3, where=["0"], gate=False, fuse=False, interleave=False)
    x = torch.randn(3, 3, 5, 5)
    before, after = conv(x)[:, :4], conv(x)[:, 4:]
    nothing = torch.zeros_like(before[:1])
    expected = torch.cat((torch.cat((before[1:], nothing)), torch.cat((nothing, after[:-1]))), 1)
    torch.testing.assert_close(net(x), expected)


def test_parts_of_gsf_are_left_out_everywhere() -> None:
    with ShapesOnly():
        model = create_model("resnet18", "gsf", 5, 8, gate=False, fuse=False, interleave=False)
        plain = create_model("resnet18", "none", 5, 8)
    assert sum(isinstance(module, GSF) and not module.interleave for module in model.modules()) == 8
    assert len(list(model.parameters())) == len(list(plain.parameters()))


@pytest.mark.parametrize(
    ("temporal", "change", "words"),
    [
        ("gsm", {"gate": False}, "gate is False with temporal 'gsm', must be True: gsf alone"),
        ("gsm", {"fuse": False}, "fuse is False with temporal 'gsm'"),
        ("tsm", {"interleave": False}, "interleave is False with temporal 'tsm', must be True: gsf and gsm alone"),
        ("none", {"gate": False}, "gate is False with temporal 'none'"),
        ("gsf", {"gate": False, "start": "identity"}, "gate is False with start 'identity'"),
    ],
)
def test_part_that_a_module_does_not_have_cannot_be_left_out(temporal: Any, change: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        insert_temporal(nn.Sequential(nn.Conv2d(3, 8, 3)), temporal, 2, where=["0"], **change)


@pytest.mark.parametrize("ratio", [1, 1 / 2, 1 / 4, 1 / 8])
def test_published_ratios_divide_everywhere_in_a_resnet(ratio: float) -> None:
    rows = insert_temporal(network("resnet50"), "gsf", 8, ratio=ratio, strict=True)
    assert [row.processed for row in rows] == [int(row.channels * ratio) for row in rows]


def test_squeezenet_ends_in_its_pooled_features() -> None:
    model = create_model("squeezenet1_1", "tsm", 3, 2).eval()
    assert sum(isinstance(module, TSM) for module in model.modules()) == 8
    x = torch.randn(1, 2, 3, 64, 64)
    assert model.features(x).shape == (2, 512)
    expected = model.backbone.features(x.flatten(0, 1)).mean((2, 3))  # type: ignore[operator]
    torch.testing.assert_close(model.features(x), expected)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_inception_nets_see_what_their_image_weights_want(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision's own network converts its input; the trunk has it in its preprocessing, with weights or without."""
    slow_draws: dict[str, Any] = {"init_weights": False}
    theirs = torchvision.models.get_model(name, transform_input=True, **slow_draws).eval()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_, **__: theirs.state_dict())
    model = create_model(name, "none", 3, 1, pretrained="torchvision")
    assert model.backbone.training
    preprocessing = model.preprocessing
    assert preprocessing == create_model(name, "none", 3, 1).preprocessing

    pixels = torch.rand(1, 3, 96, 96) * 255

    def normalised(mean: Any, std: Any) -> torch.Tensor:
        channels = (3, 1, 1)
        return (pixels / 255 - torch.tensor(mean).view(channels)) / torch.tensor(std).view(channels)

    theirs.fc = nn.Identity()
    x = normalised((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    ours = model.eval().features(normalised(preprocessing.mean, preprocessing.std)[None])
    torch.testing.assert_close(ours, theirs(x), rtol=1e-3, atol=1e-4)


def test_documented_lines_for_a_cnn_of_ones_own_run() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "networks.md").read_text(encoding="utf-8")
    section = page.split("## Your own CNN in five lines\n")[1].split("\n### ")[0]
    first, second = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names: dict[str, Any] = {}
    exec(first, names)
    assert names["clip_logits"].shape == (2, 174)
    exec(second, names)
    assert [(row.where, row.processed) for row in names["rows"]] == [("0", 8), ("3", 16)]
