"""Networks of timm, by the same route; skips where that extra is not installed."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from gsf.nn import GSF, Preprocessing, create_model
from gsf.nn.shapes import ShapesOnly

needs_timm = pytest.mark.skipif(find_spec("timm") is None, reason="needs timm: pip install 'gsf-video[timm]'")

# name, number of modules, width of the features, the first place of GSF and of TSM
NETWORKS: list[tuple[str, int, int, str, str]] = [
    ("convnext_atto", 12, 320, "stages.0.blocks.0.conv_dw", "stages.0.blocks.0.conv_dw"),
    ("densenet121", 58, 1024, "features.denseblock1.denselayer1.conv2", "features.denseblock1.denselayer1.conv1"),
    ("dla34", 12, 512, "level2.tree1.conv2", "level2.tree1.conv1"),
    ("efficientnet_b0", 9, 1280, "blocks.1.1.conv_pwl", "blocks.1.1.conv_pw"),
    ("efficientnetv2_rw_t", 34, 1024, "blocks.0.0.conv", "blocks.0.0.conv"),
    ("hrnet_w18_small", 23, 2048, "layer1.0.conv3", "layer1.0.conv1"),
    ("inception_v3", 11, 2048, "Mixed_5b.branch1x1.conv", "Mixed_5b.branch1x1.conv"),
    ("mobilenetv3_small_100", 6, 1024, "blocks.1.1.conv_pwl", "blocks.1.1.conv_pw"),
    ("mobilenetv4_conv_small", 10, 1280, "blocks.2.1.pw_proj.conv", "blocks.2.1.pw_exp.conv"),
    ("regnety_002", 13, 368, "s1.b1.conv3.conv", "s1.b1.conv1.conv"),
    ("res2net50_26w_4s", 16, 2048, "layer1.0.conv3", "layer1.0.conv1"),
    ("resnest26d", 8, 2048, "layer1.0.conv3", "layer1.0.conv1"),
    ("resnet26d", 8, 2048, "layer1.0.conv3", "layer1.0.conv1"),
    ("seresnet50", 16, 2048, "layer1.0.conv3", "layer1.0.conv1"),
    ("tf_efficientnet_b0", 9, 1280, "blocks.1.1.conv_pwl", "blocks.1.1.conv_pw"),
    ("vgg11_bn", 5, 4096, "features.0", "features.4"),
]


@needs_timm
@pytest.mark.parametrize(("name", "count", "width", "last", "first"), NETWORKS, ids=[row[0] for row in NETWORKS])
def test_family_of_timm_has_its_documented_places_and_keeps_its_keys(
    name: str, count: int, width: int, last: str, first: str
) -> None:
    with ShapesOnly():
        plain = create_model(f"timm:{name}", "none", 5, 8)
        gsf = create_model(f"timm:{name}", "gsf", 5, 8)
        tsm = create_model(f"timm:{name}", "tsm", 5, 8)
    assert (len(gsf.insertions), gsf.insertions[0].where, tsm.insertions[0].where) == (count, last, first)
    assert plain.classifier.in_features == width
    keys = gsf.state_dict().keys()
    assert keys >= plain.state_dict().keys()
    assert all(".temporal." in key for key in keys - plain.state_dict().keys())


@needs_timm
@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_050", "convnext_atto"])
def test_model_on_a_network_of_timm_runs_learns_and_keeps_its_state(name: str) -> None:
    model = create_model(f"timm:{name}", "gsf", 5, 2, ratio=0.5, start="identity")
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)  # timm starts with zero at the end of a branch, which stops gradients at first
    plain = create_model(f"timm:{name}", "none", 5, 2)
    kept = plain.state_dict().keys()
    plain.load_state_dict({key: value for key, value in model.state_dict().items() if key in kept})
    x = torch.randn(2, 2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(model.eval()(x), plain.eval()(x))
        assert model.features(x).shape == (4, model.classifier.in_features)
    model.train()(x).square().sum().backward()
    gates = [module.gate for module in model.modules() if isinstance(module, GSF)]
    assert gates
    assert all(gate.weight.grad is not None and gate.weight.grad.abs().max() > 0 for gate in gates)
    again = create_model(f"timm:{name}", "gsf", 5, 2, ratio=0.5, start="identity").eval()
    again.load_state_dict(model.state_dict())
    with torch.inference_mode():
        assert torch.equal(again(x), model.eval()(x))


@needs_timm
@pytest.mark.parametrize("name", ["resnet10t", "convnext_atto", "mobilenetv3_small_050"])
def test_file_of_timms_weights_loads_without_its_classifier(name: str, tmp_path: Path) -> None:
    timm = importlib.import_module("timm")
    state = {key: torch.full_like(value, 1) for key, value in timm.create_model(name).state_dict().items()}
    save_file(state, tmp_path / "weights.safetensors")
    model = create_model(f"timm:{name}", "none", 5, 2, pretrained=tmp_path / "weights.safetensors")
    assert all((value == 1).all() for value in model.backbone.state_dict().values())


@needs_timm
@pytest.mark.parametrize(
    ("name", "size", "short_side", "mean"),
    [
        ("resnet26d", 224, 256, (0.485, 0.456, 0.406)),
        ("tf_efficientnetv2_b0", 192, 219, (0.485, 0.456, 0.406)),
        ("mobilenetv3_large_100.miil_in21k", 224, 256, (0.0, 0.0, 0.0)),
        ("inception_v3.tf_in1k", 299, 341, (0.5, 0.5, 0.5)),
    ],
)
def test_preprocessing_is_that_of_timms_data_config(name: str, size: int, short_side: int, mean: Any) -> None:
    std = {0.485: (0.229, 0.224, 0.225), 0.0: (1.0, 1.0, 1.0), 0.5: (0.5, 0.5, 0.5)}[mean[0]]
    with ShapesOnly():
        model = create_model(f"timm:{name}", "none", 5, 1)
    assert model.preprocessing == Preprocessing(size, short_side, mean, std, "rgb", 255.0)


@needs_timm
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"backbone": "timm:resnet27d"}, "must be timm: and one of timm's .* names; did you mean .*timm:resnet26d"),
        ({"backbone": "timm:resnet26d.no_such_tag"}, "timm:resnet26d.no_such_tag: timm's weights cannot be had"),
        ({"backbone": "timm:nf_resnet50"}, "has no place for temporal modules"),
        ({"backbone": "timm:vit_tiny_patch16_224"}, "a transformer and no CNN"),
        ({"backbone": "timm:nf_resnet50", "where": ["stages.3"]}, "'stages.3', which holds no place"),
        (
            {"backbone": "timm:nf_resnet50", "where": ["stages.3.*.conv3"]},
            "is a ScaledStdConv2d, must be a plain Conv2d",
        ),
        ({"backbone": "timm:resnet26d", "pretrained": "torchvision"}, "pretrained is 'torchvision', must be 'timm'"),
        ({"backbone": "resnet18", "pretrained": "timm"}, "pretrained is 'timm', must be 'torchvision'"),
    ],
)
def test_network_of_timm_that_cannot_be_is_an_error(change: dict[str, Any], words: str) -> None:
    choices: dict[str, Any] = {"temporal": "gsf", "num_classes": 5, "num_segments": 2} | change
    with pytest.raises(ValueError, match=words), ShapesOnly():
        create_model(**choices)


@needs_timm
def test_weights_of_timm_that_cannot_be_downloaded_are_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("timm.models._builder.load_pretrained", refuse)
    with pytest.raises(ValueError, match=r"timm:resnet18: timm's weights cannot be had \(no network\).*safetensors"):
        create_model("timm:resnet18", "none", 5, 2, pretrained="timm")


def test_without_timm_its_networks_say_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(ValueError, match=r"timm is not installed.*pip install 'gsf-video\[timm\]'"):
        create_model("timm:resnet18", "none", 5, 2)
