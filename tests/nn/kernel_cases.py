"""Cases of the Triton programs, for Triton's interpreter: run by test_kernels.py in a process of its own.

    TRITON_INTERPRET=1 pytest tests/nn/kernel_cases.py

What is marked slow is another layout or type of what is not: `-m slow` runs it.

Triton reads the variable when its programs are defined, so it must be set before anything imports them.
"""

from __future__ import annotations

import copy
import os

import pytest
import torch
from torch import Tensor, nn

from gsf.nn import GSF, GSM
from gsf.nn.kernels import run, set_backend
from gsf.nn.kernels.operator import gate_shift_fuse, gate_shift_fuse_backward
from gsf.nn.released import module_state_dict
from tests.nn.test_layers import LAYOUTS, gradients, pair

assert os.environ.get("TRITON_INTERPRET") == "1", "set TRITON_INTERPRET=1 in the environment of this process"

SHAPES = [  # clips, frames, channels, height, width, ratio
    (1, 3, 8, 5, 4, 1.0),
    (2, 2, 24, 3, 2, 0.5),
    (2, 1, 4, 1, 1, 1.0),
]
# Relative error in the norm: a few roundings to the type in a row.
TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 0.02, torch.float16: 0.003}


def features(
    shape: tuple[int, int, int, int, int, float], layout: torch.memory_format, dtype: torch.dtype = torch.float32
) -> Tensor:
    clips, frames, channels, height, width, _ = shape
    x = torch.randn(clips * frames, channels, height, width) + 0.5
    return x.to(dtype).contiguous(memory_format=layout)


def compare(actual: Tensor, expected: Tensor, tolerance: float, what: str) -> None:
    assert actual.isfinite().all(), what
    apart = float((actual.double() - expected.double()).norm())
    bound = tolerance * max(1.0, float(expected.double().norm()))
    assert apart <= bound, f"{what}: {apart} apart, must be at most {bound}"


def check_against_equations(
    shape: tuple[int, int, int, int, int, float],
    layout: torch.memory_format,
    dtype: torch.dtype,
    *,
    fuse: bool,
    training: bool,
) -> None:
    ours, plain = pair(shape[2], shape[1], shape[5], fuse=fuse)
    set_backend(ours, "triton")
    ours.train(training)
    plain.double().train(training)
    x = features(shape, layout, dtype)
    direction = torch.randn(x.shape).to(dtype)
    out, of_x, of_weights = gradients(ours, x, direction)
    expected, expected_of_x, expected_of_weights = gradients(plain, x.double(), direction.double())
    tolerance = TOLERANCES[dtype]
    assert out.dtype == of_x.dtype == dtype
    assert out.is_contiguous(memory_format=layout)
    assert of_x.is_contiguous(memory_format=layout)
    compare(out, expected, tolerance, "output")
    compare(of_x, expected_of_x, tolerance, "gradient of x")
    for name, value in module_state_dict(expected_of_weights).items():
        assert of_weights[name].dtype == torch.float32
        compare(of_weights[name], value, tolerance, f"gradient of {name}")
    for name, value in module_state_dict(plain.state_dict()).items():  # running statistics among them
        compare(ours.state_dict()[name], value, tolerance, name)


@pytest.mark.parametrize(
    ("shape", "training", "layout"),
    [
        (SHAPES[0], True, torch.channels_last),
        (SHAPES[0], False, torch.contiguous_format),
        (SHAPES[1], True, torch.contiguous_format),
        (SHAPES[1], False, torch.channels_last),
        (SHAPES[2], True, torch.channels_last),
        (SHAPES[2], False, torch.contiguous_format),
    ],
    ids=str,
)
def test_gsf_agrees_with_its_equations(
    shape: tuple[int, int, int, int, int, float], training: bool, layout: torch.memory_format
) -> None:
    check_against_equations(shape, layout, torch.float32, fuse=True, training=training)


@pytest.mark.parametrize(
    "layout", [pytest.param(LAYOUTS[0], marks=pytest.mark.slow), LAYOUTS[1]], ids=["nchw", "channels_last"]
)
def test_gsm_agrees_with_its_equations(layout: torch.memory_format) -> None:
    check_against_equations(SHAPES[1], layout, torch.float32, fuse=False, training=True)


@pytest.mark.parametrize(
    ("dtype", "layout"),
    [
        (torch.bfloat16, torch.channels_last),
        (torch.float16, torch.contiguous_format),
        pytest.param(torch.bfloat16, torch.contiguous_format, marks=pytest.mark.slow),
        pytest.param(torch.float16, torch.channels_last, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_narrow_types_agree_with_the_equations(dtype: torch.dtype, layout: torch.memory_format) -> None:
    check_against_equations((1, 2, 32, 6, 6, 0.25), layout, dtype, fuse=True, training=True)


def test_a_map_cut_into_several_chunks_and_blocks_agrees() -> None:
    # 81 pixels are three blocks of 32; 264 channels more than two of every kind of block
    check_against_equations((1, 2, 264, 9, 9, 1.0), torch.channels_last, torch.float32, fuse=True, training=True)


@pytest.mark.parametrize(
    ("gated", "fused", "interleave"),
    [(False, True, True), (True, False, False), (False, False, True), (True, True, False)],
    ids=["no gate", "no fuse, straight", "shift alone", "straight"],
)
def test_every_part_can_be_left_out(gated: bool, fused: bool, interleave: bool) -> None:
    frames, processed = 2, 8
    module = GSF(12, frames, 2 / 3)
    assert module.processed == processed
    x = torch.randn(4, 12, 2, 3).contiguous(memory_format=torch.channels_last)
    direction = torch.randn_like(x)

    def plain(x: Tensor) -> Tensor:
        clips = x[:, :processed].reshape(2, frames, 2, processed // 2, 2, 3)
        gate = module.gate(x[:, :processed]).unsqueeze(3) if gated else torch.ones(2, frames, 2, 1, 2, 3)
        y = gate * clips
        r, empty = clips - y, torch.zeros_like(y[:, :1, 0])
        y = torch.stack((torch.cat((y[:, 1:, 0], empty), 1), torch.cat((empty, y[:, :-1, 1]), 1)), 2)
        if fused:
            pooled = torch.stack((y.mean((-2, -1)), r.mean((-2, -1))), 3)  # (B, T, 2 groups, 2, F/2)
            w = torch.sigmoid(module.fuse(pooled.permute(0, 2, 3, 4, 1).flatten(1, 2)))  # (B, 2, F/2, T)
            w = 2 * w.permute(0, 3, 1, 2)[..., None, None]
            out = w * y + (2 - w) * r
        else:
            out = y + r
        if interleave:
            out = out.unflatten(3, (2, processed // 4)).transpose(3, 4).flatten(3, 4)
        return torch.cat((out.reshape(4, processed, 2, 3), x[:, processed:]), 1)

    def ours(x: Tensor) -> Tensor:
        gate, fuse = module.gate if gated else None, module.fuse if fused else None
        return run(x, gate, fuse, num_segments=frames, processed=processed, scale=2.0, interleave=interleave)

    weights = list(module.gate.parameters()) * gated + list(module.fuse.parameters()) * fused
    results = []
    for call in (ours, plain):
        value = x.clone().requires_grad_()
        out = call(value)
        results.append((out, *torch.autograd.grad(out, (value, *weights), direction)))
    for actual, expected in zip(*results, strict=True):
        torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-4)


def test_identity_start_is_the_identity() -> None:
    module = GSF(16, 2, 0.5, start="identity")
    set_backend(module, "triton")
    x = torch.randn(4, 16, 3, 3)
    assert torch.equal(module(x), x)


def test_repeated_runs_agree_bit_by_bit() -> None:
    module = GSF(8, 2)
    set_backend(module, "triton")
    x = features((1, 2, 8, 6, 7, 1.0), torch.channels_last, torch.bfloat16)
    direction = torch.randn_like(x)
    runs = []
    for _ in range(2):
        out, of_x, of_weights = gradients(copy.deepcopy(module), x, direction)
        runs.append((out, of_x, *of_weights.values()))
    for first, second in zip(*runs, strict=True):
        assert torch.equal(first, second)


def test_large_mean_does_not_spoil_the_variance() -> None:
    module = GSF(4, 1)
    set_backend(module, "triton")
    x = torch.randn(2, 4, 8, 8) + 1000
    norm = copy.deepcopy(module.gate.norm).double()
    module(x)
    norm(x.double())
    torch.testing.assert_close(module.gate.norm.running_var, norm.get_buffer("running_var").float())
    assert int(module.gate.norm.get_buffer("num_batches_tracked")) == 1


def arguments(dtype: torch.dtype, *, fused: bool = True, batch: bool = True) -> tuple[object, ...]:
    module = GSF(8, 2, 0.5)
    norm = module.gate.norm
    x = torch.randn(2, 8, 2, 3).to(dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    statistics = (None, None) if batch else (norm.running_mean, norm.running_var)
    fuse = (module.fuse.weight, module.fuse.bias) if fused else (None, None)
    return (
        x, module.gate.weight, module.gate.bias, norm.weight, norm.bias, *statistics, *fuse, 2, 4, 1e-5, 1.0, True
    )  # fmt: skip


@pytest.mark.parametrize(
    ("dtype", "fused", "batch"),
    [(torch.float32, True, True), pytest.param(torch.bfloat16, False, False, marks=pytest.mark.slow)],
    ids=str,
)
def test_operator_is_registered_as_pytorch_asks(dtype: torch.dtype, fused: bool, batch: bool) -> None:
    torch.library.opcheck(gate_shift_fuse, arguments(dtype, fused=fused, batch=batch))


@pytest.mark.parametrize(
    ("without", "layout"),
    [
        ("nothing", torch.contiguous_format),
        ("nothing", torch.channels_last),
        ("gate", torch.contiguous_format),
        ("fuse", torch.channels_last),
        pytest.param("gate", torch.channels_last, marks=pytest.mark.slow),
        pytest.param("fuse", torch.contiguous_format, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_fake_kernels_tell_what_the_programs_return(without: str, layout: torch.memory_format) -> None:
    x, *others = arguments(torch.bfloat16)
    assert isinstance(x, Tensor)
    x = x.detach().contiguous(memory_format=layout)
    if without == "gate":
        others[:6] = [None] * 6
    if without == "fuse":
        others[6:8] = [None] * 2
    with torch.no_grad():
        real = gate_shift_fuse(x, *others)
        more = (others[6], *others[8:10], *others[11:], True)
        gradient = gate_shift_fuse_backward(real[0], x, *real[1:], *more)
        mode = torch._subclasses.FakeTensorMode(allow_non_fake_inputs=True)
        with mode:
            fake_x = mode.from_tensor(x)
            fake = gate_shift_fuse(fake_x, *others)
            fake_gradient = gate_shift_fuse_backward(fake[0], fake_x, *fake[1:], *more)
    for one, other in zip((*real, *gradient), (*fake, *fake_gradient), strict=True):
        assert (one.shape, one.stride(), one.dtype) == (other.shape, other.stride(), other.dtype)


def test_autocast_keeps_the_type_of_the_features_and_the_width_of_the_weights() -> None:
    module = GSF(8, 2)
    set_backend(module, "triton")
    conv = nn.Conv2d(3, 8, 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        narrow = conv(torch.randn(2, 3, 3, 3))
        out = module(narrow)
        again = copy.deepcopy(module)(narrow.float())
    assert out.dtype == torch.bfloat16
    assert again.dtype == torch.float32
    out.float().sum().backward()
    for name, value in [*module.named_parameters(), *conv.named_parameters()]:
        assert value.grad is not None, name
        assert value.grad.dtype == torch.float32, name
        assert value.grad.isfinite().all(), name


def test_compiled_network_has_no_graph_break() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 1), GSF(8, 2), nn.Conv2d(8, 3, 1))
    set_backend(net, "triton")
    x = torch.randn(2, 3, 3, 3)
    reference = copy.deepcopy(net)
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    results = []
    for call, holder in ((compiled, net), (reference, reference)):
        call(x).square().sum().backward()
        results.append({name: value.grad for name, value in holder.named_parameters()})
    torch.testing.assert_close(*results)
    torch.testing.assert_close(net.state_dict(), reference.state_dict())


def test_second_derivative_is_refused_not_wrong() -> None:
    module = GSM(4, 1)
    set_backend(module, "triton")
    x = torch.randn(2, 4, 1, 2, requires_grad=True)
    (of_x,) = torch.autograd.grad(module(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        of_x.sum().backward()


def test_slice_of_another_map_is_accepted() -> None:
    module = GSM(8, 2).eval()
    odd = torch.randn(2, 12, 3, 2)[:, 2:10]
    expected = module(odd)
    set_backend(module, "triton")
    torch.testing.assert_close(module(odd), expected)


def test_one_value_per_channel_is_an_error_in_training() -> None:
    module = GSF(4, 1)
    set_backend(module, "triton")
    with pytest.raises(ValueError, match="more than one value per channel"):
        module(torch.randn(1, 4, 1, 1))
