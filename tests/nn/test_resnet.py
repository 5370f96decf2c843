"""Our ResNets against torchvision's."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import models

from gsf.nn.own import OWN

NAMES = [name for name in OWN if name.startswith("resnet")]


def own(name: str) -> nn.Module:
    return OWN[name].build()


@pytest.mark.parametrize("name", NAMES)
def test_keys_and_shapes_are_those_of_torchvision(name: str) -> None:
    with torch.device("meta"):
        ours, theirs = own(name).state_dict(), models.get_model(name).state_dict()
    assert [(key, value.shape) for key, value in ours.items()] == [(key, value.shape) for key, value in theirs.items()]


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_outputs_gradients_and_statistics_are_those_of_torchvision(name: str) -> None:
    theirs = models.get_model(name)
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    ours = own(name)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 65, 64)
    for training in (False, True):
        out, expected = ours.train(training)(x), theirs.train(training)(x)
        assert torch.equal(out, expected)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=0, atol=0)
    expected.square().mean().backward()
    out.square().mean().backward()
    for (key, value), (_, other) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert value.grad is not None, key
        assert torch.equal(value.grad, other.grad), key


def test_one_seed_starts_both_with_the_same_weights() -> None:
    torch.manual_seed(3)
    theirs = models.get_model("resnet18").state_dict()
    torch.manual_seed(3)
    ours = own("resnet18").state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())
