"""The Triton programs on a CUDA device: `pytest -m gpu tests/nn/test_kernels_gpu.py`."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from gsf.nn import GSF, GSM
from gsf.nn.kernels import set_backend
from gsf.nn.released import module_state_dict
from tests.nn.test_layers import LAYOUTS, gradients, pair

pytestmark = pytest.mark.gpu

STAGES = [(256, 56, 1.0), (512, 28, 1.0), (1024, 14, 1.0), (2048, 7, 1.0), (512, 28, 0.25), (352, 7, 0.5)]
TOLERANCES = {torch.float32: 1e-4, torch.bfloat16: 2e-2, torch.float16: 4e-3}


@pytest.fixture(autouse=True)
def _device() -> None:
    assert torch.cuda.is_available(), "tests marked gpu need a CUDA device"


def relative(actual: Tensor, expected: Tensor) -> float:
    actual, expected = actual.double().cpu(), expected.double().cpu()
    return float((actual - expected).norm() / expected.norm().clamp_min(1e-12))


@pytest.mark.parametrize("layout", LAYOUTS, ids=["nchw", "channels_last"])
@pytest.mark.parametrize("dtype", list(TOLERANCES), ids=str)
@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("fuse", [True, False], ids=["gsf", "gsm"])
@pytest.mark.parametrize("stage", STAGES, ids=str)
def test_programs_agree_with_the_equations_in_double_precision(
    stage: tuple[int, int, float], fuse: bool, training: bool, dtype: torch.dtype, layout: torch.memory_format
) -> None:
    channels, side, ratio = stage
    ours, plain = pair(channels, 8, ratio, fuse=fuse)
    with torch.no_grad():
        plain.conv3D.weight.mul_(0.05)  # gates that are not saturated
    ours.load_state_dict(module_state_dict(plain.state_dict()))
    set_backend(ours.cuda().train(training), "triton")
    plain.double().cuda().train(training)
    x = torch.randn(16, channels, side, side, device="cuda").to(dtype).contiguous(memory_format=layout)
    direction = torch.randn_like(x)
    out, of_x, of_weights = gradients(ours, x, direction)
    expected, expected_of_x, expected_of_weights = gradients(plain, x.double(), direction.double())
    assert out.is_contiguous(memory_format=layout)
    apart = {"output": relative(out, expected), "x": relative(of_x, expected_of_x)}
    for name, value in module_state_dict(expected_of_weights).items():
        apart[name] = relative(of_weights[name], value)
    for name in ("gate.norm.running_mean", "gate.norm.running_var"):
        apart[name] = relative(ours.get_buffer(name), module_state_dict(plain.state_dict())[name])
    assert max(apart.values()) <= TOLERANCES[dtype], apart


@pytest.mark.parametrize("layer", [GSF(256, 8), GSM(256, 8)], ids=["gsf", "gsm"])
def test_repeated_runs_agree_bit_by_bit(layer: nn.Module) -> None:
    layer = copy.deepcopy(layer).cuda()
    x = torch.randn(32, 256, 28, 28, device="cuda", dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    direction = torch.randn_like(x)
    runs = []
    for _ in range(5):
        out, of_x, of_weights = gradients(copy.deepcopy(layer), x, direction)
        runs.append((out, of_x, *of_weights.values()))
    for other in runs[1:]:
        assert all(torch.equal(one, two) for one, two in zip(runs[0], other, strict=True))


def test_compiled_network_agrees_without_a_graph_break() -> None:
    net = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), GSF(64, 8, 0.5), nn.BatchNorm2d(64), nn.ReLU(), GSM(64, 8))
    net = net.cuda().to(memory_format=torch.channels_last)
    x = torch.randn(16, 3, 28, 28, device="cuda").to(memory_format=torch.channels_last)
    reference = copy.deepcopy(net)
    compiled = torch.compile(net, fullgraph=True)
    results = []
    for call, holder in ((compiled, net), (reference, reference)):
        for _ in range(2):
            holder.zero_grad()
            with torch.autocast("cuda", dtype=torch.bfloat16):
                out = call(x)
            out.float().square().mean().backward()
        results.append((out, {name: value.grad for name, value in holder.named_parameters()}))
    (out, of), (expected, expected_of) = results
    assert relative(out, expected) < 0.02
    assert all(relative(of[name], value) < 0.05 for name, value in expected_of.items())
    net.eval()
    with torch.no_grad():
        torch.compile(net, fullgraph=True)(x)


def test_training_keeps_one_map_and_little_else() -> None:
    x = torch.randn(64, 256, 28, 28, device="cuda", dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    x.requires_grad_()
    layer = GSF(256, 8).cuda()
    set_backend(layer, "triton")
    layer(x).sum().backward()
    before = torch.cuda.memory_allocated()
    out = layer(x)
    kept = torch.cuda.memory_allocated() - before
    one = x.numel() * x.element_size()
    assert kept < 1.1 * one, f"{kept / one:.2f} maps beside the input"
    out.sum().backward()


def test_cuda_input_takes_the_programs_by_default() -> None:
    layer = GSF(16, 2).cuda().eval()
    x = torch.randn(4, 16, 5, 5, device="cuda")
    with torch.profiler.profile() as profile, torch.no_grad():
        layer(x)
    assert any("gsf::gate_shift_fuse" in event.name for event in profile.events())
