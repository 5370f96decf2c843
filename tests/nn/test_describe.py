"""What a description says of a model."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from gsf.nn import GSF, TSM, create_model
from gsf.nn.cost import count_macs
from gsf.nn.describe import describe


def shapes_seen(model: Any, kind: type) -> list[tuple[int, ...]]:
    """Channels, height and width that the temporal modules themselves meet."""
    seen: list[tuple[int, ...]] = []
    for module in model.modules():
        if isinstance(module, kind):
            module.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[1:])))
    with torch.no_grad():
        model(torch.zeros(1, model.num_segments, 3, 64, 64))
    return seen


@pytest.mark.parametrize(("temporal", "kind"), [("gsf", GSF), ("tsm", TSM)])
@pytest.mark.parametrize("backbone", ["resnet18", "mobilenet_v2"])
def test_places_have_the_shapes_that_the_modules_meet(backbone: str, temporal: Any, kind: type) -> None:
    model = create_model(backbone, temporal, 5, 2).eval()
    found = describe(model, size=64)
    assert [(place.channels, place.height, place.width) for place in found.places] == shapes_seen(model, kind)
    assert [place.where for place in found.places] == [row.where for row in model.insertions]


@pytest.mark.usefixtures("one_block")
def test_description_of_the_published_network_needs_no_weights() -> None:
    with torch.device("meta"):
        model = create_model("resnet50", "gsf", 174, 8, ratio=0.25)
    found = describe(model)
    assert (found.parameters, found.temporal_parameters) == (23_974_702, 23_974_702 - 23_864_558)
    assert found.macs == count_macs(model)
    assert [(place.height, place.width) for place in found.places[:4]] == [(56, 56)] * 3 + [(28, 28)]
    assert (found.places[0].channels, found.places[0].processed) == (256, 64)
    assert (found.num_classes, found.num_segments, found.size) == (174, 8, 224)


def test_place_without_a_module_is_listed() -> None:
    found = describe(create_model("mobilenet_v2", "gsf", 5, 2, ratio=0.125), size=64)
    assert found.places[0].processed == 0
    assert found.places[0].height == 16


def test_text_and_json_hold_the_same() -> None:
    found = describe(create_model("resnet18", "gsf", 5, 2), size=64)
    text = found.to_text()
    content = json.loads(json.dumps(found.to_json()))
    assert f"{content['parameters']:,}" in text
    assert f"{content['macs'] / 1e9:.2f} G" in text
    for place in content["places"]:
        assert place["where"] in text
    assert "no temporal modules" in describe(create_model("resnet18", "none", 5, 2), size=64).to_text()


def test_describing_leaves_the_model_as_it_is() -> None:
    model = create_model("resnet18", "gsf", 5, 2)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    describe(model, size=32)
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
