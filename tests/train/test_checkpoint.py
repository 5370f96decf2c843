"""A checkpoint keeps all that its network is built from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from gsf.errors import ParamsError
from gsf.nn import GSF
from gsf.params.base import load, validate
from gsf.params.flat import flatten
from gsf.params.model import Model
from gsf.train.checkpoint import CheckpointInfo, build_model, read_checkpoint, write_checkpoint

TEXT = """\
name: ablated
backbone: resnet18
temporal: gsf
num_segments: 2
input_size: 32
short_side: 36
"""

ABLATIONS = ["gate: false", "fuse: false", "interleave: false", "ratio: 0.125", "where: [layer3, 'layer4.*.conv2']"]


def model_file(folder: Path, *lines: str) -> Path:
    path = folder / "params" / "models" / "ablated.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT + "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("line", ABLATIONS)
def test_ablation_of_a_model_file_survives_in_the_checkpoint(line: str, tmp_path: Path) -> None:
    model = load(Model, model_file(tmp_path, line))
    torch.manual_seed(0)
    network = build_model(model, num_classes=3).eval()
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, network.state_dict(), CheckpointInfo(model=model, classes=["a", "b", "c"], epoch=1, seed=0))
    again, info = read_checkpoint(path)
    assert info.model == model
    assert again.insertions == network.insertions
    clip = torch.randn(1, 2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(again(clip), network(clip))


def test_ablations_together_leave_modules_in_their_part_of_the_network(tmp_path: Path) -> None:
    model = load(Model, model_file(tmp_path, *ABLATIONS))
    network = build_model(model, num_classes=3)
    places = [f"layer{layer}.{block}.conv2" for layer in (3, 4) for block in (0, 1)]
    assert [(row.where, row.processed, row.channels) for row in network.insertions] == [
        (place, width // 8, width) for place, width in zip(places, [256, 256, 512, 512], strict=True)
    ]
    modules = [module for module in network.modules() if isinstance(module, GSF)]
    assert not any(list(module.parameters()) for module in modules)
    assert flatten("model", model.model_dump())["model.where"] == '["layer3", "layer4.*.conv2"]'


def test_checkpoint_of_a_network_that_asks_for_versions_is_read(tmp_path: Path) -> None:
    """MNASNet refuses a state dict without them, and a file of tensors has no room for them."""
    model = load(Model, model_file(tmp_path)).model_copy(update={"backbone": "mnasnet0_5"})
    network = build_model(model, num_classes=3)
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, network.state_dict(), CheckpointInfo(model=model, classes=["a", "b", "c"], epoch=1, seed=0))
    state = read_checkpoint(path)[0].state_dict()
    assert all(torch.equal(state[key], value) for key, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"temporal": "gsm", "gate": False}, "gate: true .or none. with temporal: gsm"),
        ({"temporal": "none", "fuse": False}, "fuse: true .or none. with temporal: none"),
        ({"temporal": "tsm", "interleave": False}, "interleave: true .or none. with temporal: tsm"),
        ({"gate": False, "start": "identity"}, "gate: true with start: identity"),
        ({"temporal": "none", "where": ["layer3"]}, "where: null .or none. with temporal: none"),
        ({"where": []}, "where is .*at least 1"),
        ({"where": "layer3"}, "where is 'layer3', must be a valid list"),
    ],
)
def test_part_that_does_not_exist_cannot_be_left_out_of_a_model_file(change: dict[str, Any], rule: str) -> None:
    whole: dict[str, Any] = {
        "name": "m",
        "backbone": "resnet18",
        "temporal": "gsf",
        "num_segments": 2,
        "input_size": 32,
        "short_side": 36,
    }
    with pytest.raises(ParamsError, match=rule):
        validate(Model, whole | change, where="params/models/m.yaml")
