"""What compilers and exporters see of the layers: the same numbers, and no break in the graph."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gsf.nn import GSF, GSM, TSM, create_model, functional
from gsf.nn.released import module_state_dict
from tests.nn.transcription import PlainGSF, plain_tsm

LAYOUTS = [torch.contiguous_format, torch.channels_last]
TEMPORALS: list[Any] = ["none", "tsm", "gsm", "gsf"]
SHAPES = [  # clips, frames, channels, height, width, ratio
    (1, 1, 4, 3, 3, 1.0),
    (2, 8, 16, 7, 5, 1.0),
    (3, 2, 32, 4, 6, 0.25),
    (2, 3, 32, 1, 9, 0.125),
]


@pytest.fixture(autouse=True)
def _nothing_compiled_before() -> None:
    torch.compiler.reset()


def moved(module: nn.Module) -> nn.Module:
    """The module, its weights and statistics away from where they start, in double precision."""
    with torch.no_grad():
        for value in module.parameters():
            value.normal_(0, 0.5)
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_()
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 2)
    return module.double()


def gradients(call: Any, x: Tensor, module: nn.Module, direction: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Output, gradient of the input, and those of the parameters by name."""
    module.zero_grad()
    x = x.clone().requires_grad_()
    out = call(x)
    (out * direction).sum().backward()
    assert x.grad is not None
    return out.detach(), x.grad, {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("layout", LAYOUTS, ids=["nchw", "channels_last"])
@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("fuse", [True, False], ids=["gsf", "gsm"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_plain_operations_agree_with_the_equations(
    shape: tuple[int, int, int, int, int, float], fuse: bool, training: bool, layout: torch.memory_format
) -> None:
    clips, frames, channels, height, width, ratio = shape
    plain = moved(PlainGSF(channels, frames, ratio, fuse=fuse))
    ours: Any = GSF(channels, frames, ratio) if fuse else GSM(channels, frames, ratio=ratio)
    ours.load_state_dict(module_state_dict(plain.state_dict()))
    ours.double().train(training)
    plain.train(training)

    def call(x: Tensor) -> Tensor:
        gate = ours.gate(x[:, : ours.processed])
        kernel, bias = (ours.fuse.weight, ours.fuse.bias) if fuse else (None, None)
        return functional.gate_shift_fuse(x, gate, kernel, bias, channels=ours.processed, interleave=True)

    x = torch.randn(clips * frames, channels, height, width, dtype=torch.float64).contiguous(memory_format=layout)
    direction = torch.randn_like(x)
    out, of_x, of_weights = gradients(call, x, ours, direction)
    expected, expected_of_x, expected_of_weights = gradients(plain, x, plain, direction)
    assert out.is_contiguous(memory_format=layout)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(of_x, expected_of_x)
    torch.testing.assert_close(of_weights, module_state_dict(expected_of_weights))


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize(("channels", "fold"), [(16, 2), (20, 2), (6, 3)])
def test_plain_shift_agrees_with_the_equations(channels: int, fold: int, frames: int) -> None:
    x = torch.randn(2 * frames, channels, 3, 4).contiguous(memory_format=torch.channels_last)
    out = functional.temporal_shift(x, frames, fold)
    torch.testing.assert_close(out, plain_tsm(x, frames, channels // fold), rtol=0, atol=0)
    assert out.is_contiguous(memory_format=torch.channels_last)


LAYERS = {
    "gsf": lambda: GSF(16, 4, 0.5),
    "gsf-identity": lambda: GSF(16, 4, start="identity"),
    "gsf-straight": lambda: GSF(16, 4, interleave=False),
    "gsf-without-gate": lambda: GSF(16, 4, gate=False),
    "gsf-without-fuse": lambda: GSF(16, 4, fuse=False),
    "gsm": lambda: GSM(16, 4),
    "tsm": lambda: TSM(16, 4),
}


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("name", LAYERS)
def test_compiled_layer_is_one_graph_and_agrees_with_the_eager_one(name: str, training: bool) -> None:
    layer = moved(LAYERS[name]()).train(training)
    # Where the plain operations were not used, compiling would meet the in-place ones.
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = torch.randn(8, 16, 5, 3, dtype=torch.float64)
    direction = torch.randn_like(x)
    torch.testing.assert_close(gradients(compiled, x, layer, direction), gradients(layer, x, layer, direction))


QUICK = [
    ("resnet18", "tsm", True),
    ("resnet18", "gsf", True),
    ("resnet18", "gsf", False),
    ("mobilenet_v2", "gsf", True),
]
SLOW = [(backbone, temporal, True) for backbone in ("resnet18", "mobilenet_v2") for temporal in TEMPORALS]
NETWORKS = [*QUICK, *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW if case not in QUICK)]


@pytest.mark.parametrize(("backbone", "temporal", "training"), NETWORKS)
def test_compiled_network_is_one_graph_and_agrees_with_the_eager_one(
    backbone: str, temporal: Any, training: bool
) -> None:
    model = create_model(backbone, temporal, 5, 2, ratio=0.5, dropout=0.0).double().train(training)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    compiled = torch.compile(model, fullgraph=True, backend="eager")  # what a break depends on; the cheapest
    x = torch.randn(2, 2, 3, 32, 32, dtype=torch.float64)
    direction = torch.randn(2, 5, dtype=torch.float64)
    torch.testing.assert_close(gradients(compiled, x, model, direction), gradients(model, x, model, direction))


@pytest.mark.parametrize("layer", [GSF(16, 4, 0.5), GSM(16, 4)], ids=["gsf", "gsm"])
def test_compiled_layer_keeps_the_type_of_the_features_under_mixed_precision(layer: nn.Module) -> None:
    x = torch.randn(8, 16, 5, 5, requires_grad=True)
    expected = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        narrow = torch.compile(layer, fullgraph=True, backend="aot_eager")(x.bfloat16())
    assert narrow.dtype == torch.bfloat16
    narrow.float().sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(narrow.float(), expected, atol=0.05, rtol=0.05)


def test_real_compiler_agrees_with_the_eager_layer_forwards_and_backwards() -> None:
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("needs a C++ compiler (g++ or clang++), which torch.compile calls on a CPU: install one")
    layer = moved(GSF(32, 4, 0.5)).float()
    compiled = torch.compile(layer, fullgraph=True)
    x = torch.randn(8, 32, 7, 5).contiguous(memory_format=torch.channels_last)
    direction = torch.randn_like(x)
    out, of_x, of_weights = gradients(compiled, x, layer, direction)
    expected, expected_of_x, expected_of_weights = gradients(layer, x, layer, direction)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(of_x, expected_of_x, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(of_weights, expected_of_weights, rtol=1e-4, atol=1e-3)
    assert out.is_contiguous(memory_format=torch.channels_last)
