"""Video models: how they are built, what they cost, what they load."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from gsf.nn import GSF, GSM, TSM, Preprocessing, create_model, insert_temporal
from gsf.nn.backbones import known_backbones
from tests.nn.reference import real_weights

TEMPORALS: list[Any] = ["none", "tsm", "gsm", "gsf"]


@pytest.mark.parametrize("temporal", TEMPORALS)
@pytest.mark.parametrize("backbone", ["resnet18", "resnet50", "mobilenet_v2"])
def test_every_model_runs_learns_and_keeps_its_state(backbone: str, temporal: Any) -> None:
    model = create_model(backbone, temporal, 5, 2, ratio=0.5)
    x = torch.randn(2, 2, 3, 32, 32)
    out = model(x)
    assert out.shape == (2, 5)
    out.square().sum().backward()
    assert all(value.grad is not None for value in model.parameters())
    again = create_model(backbone, temporal, 5, 2, ratio=0.5)
    again.load_state_dict(model.state_dict())
    twin = copy.deepcopy(model).eval()
    with torch.inference_mode():
        expected = model.eval()(x)
        assert torch.equal(again.eval()(x), expected)
        assert torch.equal(twin(x), expected)
        assert model.features(x).shape == (4, model.classifier.in_features)


@pytest.mark.parametrize(
    ("backbone", "temporal", "ratio", "parameters"),
    [
        ("resnet50", "none", 1, 23_864_558),
        ("resnet50", "gsf", 0.25, 23_974_702),
        ("resnet50", "gsf", 1, 24_303_214),
        ("resnet101", "none", 1, 42_856_686),
        ("resnet101", "gsf", 0.25, 43_093_718),
        ("resnet101", "gsf", 1, 43_800_854),
    ],
)
def test_parameters_are_those_of_the_paper(backbone: str, temporal: Any, ratio: float, parameters: int) -> None:
    with torch.device("meta"):
        model = create_model(backbone, temporal, 174, 8, ratio=ratio)
    assert sum(value.numel() for value in model.parameters()) == parameters
    assert len(model.insertions) == {"resnet50": 16, "resnet101": 33}[backbone] * (temporal != "none")


@pytest.mark.parametrize("temporal", ["gsm", "gsf"])
@pytest.mark.parametrize("backbone", ["resnet18", "mobilenet_v2"])
def test_identity_start_leaves_the_image_network_as_it_is(backbone: str, temporal: Any) -> None:
    torch.manual_seed(1)
    plain = create_model(backbone, "none", 5, 2)
    torch.manual_seed(1)
    model = create_model(backbone, temporal, 5, 2, ratio=0.5, start="identity")
    x = torch.randn(1, 2, 3, 64, 64)
    for training in (False, True):
        plain.train(training)
        model.train(training)
        plain.dropout.eval()
        model.dropout.eval()
        assert torch.equal(model(x), plain(x))  # also: one seed gives the same backbone and classifier
    model(x).square().sum().backward()
    gates = [module.gate for module in model.modules() if isinstance(module, GSF | GSM)]
    assert gates
    assert all(gate.weight.grad is not None and gate.weight.grad.abs().max() > 0 for gate in gates)


def test_backbone_keeps_its_keys() -> None:
    plain = create_model("resnet18", "none", 5, 2).state_dict().keys()
    for temporal in TEMPORALS[1:]:
        keys = create_model("resnet18", temporal, 5, 2).state_dict().keys()
        assert keys >= plain
        assert all(".temporal." in key for key in keys - plain)


def test_temporal_modules_stand_where_the_papers_put_them() -> None:
    gsf = create_model("resnet50", "gsf", 5, 8, ratio=0.25)
    assert [row.where for row in gsf.insertions[:4]] == [*(f"layer1.{i}.conv3" for i in range(3)), "layer2.0.conv3"]
    assert isinstance(gsf.backbone.get_submodule("layer1.0.conv3.temporal"), GSF)
    assert [row.channels for row in gsf.insertions] == [256] * 3 + [512] * 4 + [1024] * 6 + [2048] * 3
    tsm = create_model("resnet50", "tsm", 5, 8)
    assert isinstance(tsm.backbone.get_submodule("layer1.0.conv1.temporal"), TSM)
    assert tsm.insertions[0].channels == 64
    assert "in_front=True" in repr(tsm.backbone)
    mobile = create_model("mobilenet_v2", "tsm", 5, 8)
    assert [row.channels for row in mobile.insertions] == [24, 32, 32, 64, 64, 64, 96, 96, 160, 160]
    assert mobile.insertions[0].where == "features.3.conv.0.0"


def test_channels_that_do_not_divide_are_rounded_and_listed_or_an_error() -> None:
    rows = create_model("mobilenet_v2", "gsf", 5, 8, ratio=0.125).insertions
    assert [row.processed for row in rows] == [0, 4, 4, 8, 8, 8, 12, 12, 20, 20]
    assert [row.rounded for row in rows] == [True] + [False] * 9
    net = create_model("mobilenet_v2", "none", 5, 8).backbone
    with pytest.raises(ValueError, match=r"features\.3\.conv\.2 \(0 of 24\)"):
        insert_temporal(net, "gsf", 8, ratio=0.125, strict=True)
    assert len(insert_temporal(net, "gsf", 8, ratio=0.5, strict=True)) == 10  # the error left it untouched


def test_any_network_takes_modules_at_convolutions_named_by_the_user() -> None:
    net = nn.Sequential(nn.Conv2d(3, 10, 3), nn.ReLU(), nn.Conv2d(10, 16, 3))
    rows = insert_temporal(net, "gsf", 2, where=["0", "2"])
    assert [(row.where, row.processed, row.rounded) for row in rows] == [("0", 8, True), ("2", 16, False)]
    assert net(torch.randn(4, 3, 9, 9)).shape == (4, 16, 5, 5)
    with pytest.raises(ValueError, match="temporal modules already"):
        insert_temporal(net, "gsf", 2, where=["0"])
    with pytest.raises(ValueError, match="names '1', must name a Conv2d"):
        insert_temporal(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), "gsf", 2, where=["1"])
    with pytest.raises(ValueError, match="no place for temporal modules"):
        insert_temporal(nn.Sequential(nn.Conv2d(3, 8, 3)), "gsf", 2)


def test_network_that_publishes_its_own_places_is_taken_at_its_word() -> None:
    class Own(nn.Sequential):
        temporal_places: ClassVar = {"gsf": ("2",), "tsm": ("0", "2")}

    def build() -> nn.Module:
        return Own(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3))

    assert [row.where for row in insert_temporal(build(), "gsf", 2)] == ["2"]
    assert [row.where for row in insert_temporal(build(), "gsf", 2, where=["0"])] == ["0"]
    with pytest.raises(ValueError, match="no place for temporal modules"):
        insert_temporal(build(), "gsm", 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"backbone": "resnet55"}, "'resnet55' .did you mean resnet5.*mobilenet_v2"),
        ({"temporal": "gst"}, "temporal is 'gst'.*none, tsm, gsm, gsf"),
        ({"temporal": "tsm", "start": "identity"}, "'identity' with temporal 'tsm'"),
        ({"backbone": "alexnet"}, "AlexNet: has no place"),
        ({"start": "zero"}, "start is 'zero'"),
        ({"ratio": 2.0}, "ratio is 2.0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"num_segments": 0}, "num_segments is 0"),
        ({"pretrained": "weights.bin"}, "ends in '.bin'"),
        ({"pretrained": "absent.safetensors"}, "does not exist"),
    ],
)
def test_bad_choices_are_errors_that_say_what_is_possible(change: dict[str, Any], words: str) -> None:
    choices: dict[str, Any] = {"backbone": "resnet18", "temporal": "gsf", "num_classes": 5, "num_segments": 8} | change
    with pytest.raises(ValueError, match=words):
        create_model(**choices)


def test_clip_of_another_length_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"must be \(B, 4, 3, H, W\)"):
        create_model("resnet18", "none", 5, 4)(torch.zeros(1, 8, 3, 32, 32))


@pytest.mark.parametrize("backbone", ["vgg11", "densenet121", "googlenet", "shufflenet_v2_x0_5", "convnext_tiny"])
def test_any_torchvision_classifier_serves_without_temporal_modules(backbone: str) -> None:
    assert backbone in known_backbones()
    model = create_model(backbone, "none", 5, 1).train()
    assert model(torch.randn(2, 1, 3, 64, 64)).shape == (2, 5)


def test_preprocessing_is_that_of_the_backbone() -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    with torch.device("meta"):
        assert create_model("resnet18", "none", 5, 1).preprocessing == Preprocessing(224, 256, mean, std, "rgb", 255.0)
        inception = create_model("inception_v3", "none", 5, 1).preprocessing
    assert (inception.size, inception.short_side) == (299, 342)


def test_real_image_weights_load_and_serve_every_temporal_module() -> None:
    path = real_weights("mobilenet_v2_imagenet.safetensors")
    plain = create_model("mobilenet_v2", "none", 5, 2, pretrained=path)
    model = create_model("mobilenet_v2", "gsf", 5, 2, pretrained=str(path), start="identity").eval()
    x = torch.randn(1, 2, 3, 64, 64)
    assert torch.equal(plain.eval().features(x), model.features(x))


def test_weights_that_do_not_fit_are_listed(tmp_path: Path) -> None:
    state = create_model("resnet18", "none", 5, 2).backbone.state_dict()
    path = tmp_path / "weights.safetensors"
    save_file(state | {"fc.weight": torch.zeros(1000, 512)}, path)
    loaded = create_model("resnet18", "gsf", 5, 2, pretrained=path).backbone.state_dict()
    assert torch.equal(loaded["layer4.1.conv2.weight"], state["layer4.1.conv2.weight"])
    del state["bn1.weight"]
    save_file(state | {"conv1.weight": torch.zeros(64, 3, 3, 3), "extra": torch.zeros(1)}, path)
    with pytest.raises(
        ValueError, match=r"missing bn1\.weight; unexpected extra; conv1\.weight has shape \(64, 3, 3, 3\)"
    ):
        create_model("resnet18", "gsf", 5, 2, pretrained=path)
    path.write_bytes(b"no weights")
    with pytest.raises(ValueError, match="cannot be read"):
        create_model("resnet18", "gsf", 5, 2, pretrained=path)


def test_weights_that_cannot_be_downloaded_are_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)
    with pytest.raises(ValueError, match=r"resnet18.*cannot be had \(no network\).*safetensors"):
        create_model("resnet18", "none", 5, 2, pretrained="torchvision")


def test_classifier_starts_small() -> None:
    weight = create_model("resnet18", "none", 50, 2).classifier.weight
    assert abs(float(weight.detach().std()) - 0.001) < 1e-4
