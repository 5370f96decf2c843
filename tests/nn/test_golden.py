"""Agreement with the released modules and networks, on stand-in weights."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gsf.nn import GSF, GSM, TSM, load_released
from gsf.nn.released import module_state_dict
from tests.nn.reference import REFERENCE, clip, golden, golden_keys, needs_golden, relative_error, stand_in

TOLERANCE = 1e-4
LAYOUTS = [torch.contiguous_format, torch.channels_last]


@dataclass(frozen=True)
class Case:
    """The name of a case in modules.npz, taken apart."""

    kind: str
    batch: int
    segments: int
    channels: int
    height: int
    width: int
    ratio: int
    seed: int

    def module(self) -> nn.Module:
        if self.kind == "tsm":
            return TSM(self.channels, self.segments)
        processed = self.channels * self.ratio // 100
        keys = {"conv3D.weight": [2, processed // 2, 3, 3, 3], "conv3D.bias": [2], "bn.num_batches_tracked": []}
        keys |= {f"bn.{name}": [processed] for name in ("weight", "bias", "running_mean", "running_var")}
        module: nn.Module = GSM(self.channels, self.segments)
        if self.kind == "gsf":
            module = GSF(self.channels, self.segments, self.ratio / 100)
            keys |= {f"channel_conv{i}.weight": [1, 2, 3, 3] for i in (1, 2)}
            keys |= {f"channel_conv{i}.bias": [1] for i in (1, 2)}
        module.load_state_dict(module_state_dict(stand_in(keys)))
        return module


def case_names() -> list[str]:
    path = None if REFERENCE is None else REFERENCE / "golden" / "modules.npz"
    if path is None or not path.is_file():
        return ["absent"]
    return sorted({name.split("/")[0] for name in np.load(path).files})


def parse(name: str) -> Case:
    kind, *numbers = name.split("-")
    values = [int(re.sub(r"^[a-z]+", "", number)) for number in numbers]
    return Case(kind, *values)


@needs_golden
@pytest.mark.parametrize("layout", LAYOUTS, ids=["nchw", "channels_last"])
@pytest.mark.parametrize("name", case_names())
def test_module_agrees_with_the_released_one(name: str, layout: torch.memory_format) -> None:
    case, arrays = parse(name), golden("modules")
    module = case.module()
    shape = (case.batch * case.segments, case.channels, case.height, case.width)
    direction = clip(case.seed + 1, shape)
    for mode in ("eval", "train"):  # in this order: training moves the running statistics
        module.train(mode == "train")
        x = clip(case.seed, shape).contiguous(memory_format=layout).requires_grad_()
        out = module(x)
        (out * direction).sum().backward()
        assert x.grad is not None
        assert out.is_contiguous(memory_format=layout)
        assert relative_error(out, arrays[f"{name}/{mode}_out"]) < TOLERANCE
        assert relative_error(x.grad, arrays[f"{name}/{mode}_grad"]) < TOLERANCE
    for statistic in ("running_mean", "running_var"):
        if f"{name}/{statistic}" in arrays.files:
            assert (
                relative_error(module.state_dict()[f"gate.norm.{statistic}"], arrays[f"{name}/{statistic}"]) < TOLERANCE
            )


NETWORKS = {
    "bninception-gsf-r100-t8": 224,
    "bninception-tsn-r100-t8": 224,
    "inceptionv3-gsf-r100-t8": 229,
    "inceptionv3-tsn-r100-t8": 299,
    "resnet50-gsf-r25-t8": 224,
    "resnet50-gsf-r100-t16": 224,
    "resnet101-gsf-r25-t8": 224,
}
LARGE = {"inceptionv3-tsn-r100-t8", "resnet50-gsf-r100-t16", "resnet101-gsf-r25-t8"}  # another of their family is quick


@needs_golden
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LARGE else []) for name in NETWORKS]
)
def test_network_agrees_with_the_released_one(name: str) -> None:
    arrays = golden(name)
    batch, segments, size = (int(arrays[key]) for key in ("batch", "segments", "size"))
    state = {f"module.{key}": value for key, value in stand_in(golden_keys(name)).items()}
    model = load_released({"epoch": 1, "model_state_dict": state}, num_segments=segments)
    assert model.preprocessing.size == size == NETWORKS[name]
    features: list[Tensor] = []
    model.dropout.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    x = clip(int(arrays["seed"]), (batch, segments * 3, size, size)).view(batch, segments, 3, size, size)
    for layout in LAYOUTS:  # in one test: building the network takes as long as running it
        model.to(memory_format=layout)
        with torch.inference_mode():
            logits = model(x)
        assert relative_error(features.pop(), arrays["features"]) < TOLERANCE
        assert relative_error(logits, arrays["logits"]) < TOLERANCE
