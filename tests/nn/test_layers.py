"""GSF, GSM and TSM against their equations, and their manners."""

from __future__ import annotations

import copy
import itertools
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from gsf.nn import GSF, GSM, TSM
from gsf.nn.released import module_state_dict
from tests.nn.transcription import PlainGSF, plain_tsm

SHAPES = [  # clips, frames, channels, height, width, ratio
    (1, 1, 4, 3, 3, 1.0),
    (2, 8, 16, 7, 5, 1.0),
    (3, 2, 32, 4, 6, 0.25),
    (1, 5, 24, 1, 1, 0.5),
    (2, 3, 32, 2, 9, 0.125),
]
LAYOUTS = [torch.contiguous_format, torch.channels_last]


def pair(
    channels: int, frames: int, ratio: float, *, gate: bool = True, fuse: bool = True
) -> tuple[nn.Module, PlainGSF]:
    """Our module and the transcription, with the same random weights, none of them at its start."""
    plain = PlainGSF(channels, frames, ratio, gate=gate, fuse=fuse)
    with torch.no_grad():
        for value in plain.parameters():
            value.normal_(0, 0.5)
        for name, value in plain.named_buffers():
            if name.endswith("mean"):
                value.normal_()
            elif name.endswith("var"):
                value.uniform_(0.5, 2)
    ours: nn.Module = GSM(channels, frames, ratio=ratio)
    if fuse or not gate:
        ours = GSF(channels, frames, ratio, gate=gate, fuse=fuse)
    ours.load_state_dict(module_state_dict(plain.state_dict()))
    return ours, plain


def gradients(module: nn.Module, x: Tensor, direction: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Output, gradient of the input, and those of the parameters by name."""
    x = x.clone().requires_grad_()
    out = module(x)
    (out * direction).sum().backward()
    assert x.grad is not None
    return out.detach(), x.grad, {n: p.grad for n, p in module.named_parameters() if p.grad is not None}


def assert_same(ours: nn.Module, plain: PlainGSF, x: Tensor) -> None:
    """Outputs, gradients and running statistics agree."""
    direction = torch.randn_like(x)
    out, of_x, of_weights = gradients(ours, x, direction)
    expected, expected_of_x, expected_of_weights = gradients(plain, x, direction)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(of_x, expected_of_x)
    torch.testing.assert_close(of_weights, module_state_dict(expected_of_weights))
    with torch.no_grad():
        torch.testing.assert_close(ours(x), plain(x))
    torch.testing.assert_close(ours.state_dict(), module_state_dict(plain.state_dict()))


@pytest.mark.parametrize("layout", LAYOUTS, ids=["nchw", "channels_last"])
@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("fuse", [True, False], ids=["gsf", "gsm"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_module_agrees_with_its_equations(
    shape: tuple[int, int, int, int, int, float], fuse: bool, training: bool, layout: torch.memory_format
) -> None:
    clips, frames, channels, height, width, ratio = shape
    ours, plain = pair(channels, frames, ratio, fuse=fuse)
    ours.double().train(training)
    plain.double().train(training)
    x = torch.randn(clips * frames, channels, height, width, dtype=torch.float64).contiguous(memory_format=layout)
    assert_same(ours, plain, x)


@pytest.mark.parametrize("layout", LAYOUTS, ids=["nchw", "channels_last"])
@pytest.mark.parametrize("block", [1, 2 * 16 * 35, 5 * 16 * 35], ids=["one frame", "two frames", "one clip"])
def test_result_does_not_depend_on_how_the_frames_are_cut_into_blocks(
    block: int, layout: torch.memory_format, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gsf.nn.blocks.BLOCK", block)
    ours, plain = pair(16, 5, 1.0)
    x = torch.randn(3 * 5, 16, 7, 5, dtype=torch.float64).contiguous(memory_format=layout)
    assert_same(ours.double(), plain.double(), x)


@pytest.mark.parametrize("layout", LAYOUTS, ids=["nchw", "channels_last"])
@pytest.mark.parametrize("fuse", [True, False])
def test_module_without_gate_moves_everything(fuse: bool, layout: torch.memory_format) -> None:
    ours, plain = pair(16, 3, 0.5, gate=False, fuse=fuse)
    x = torch.randn(2 * 3, 16, 4, 5, dtype=torch.float64).contiguous(memory_format=layout)
    direction = torch.randn_like(x)
    for module in (ours.double(), plain.double()):
        assert all("gate" not in name and "bn" not in name for name, _ in module.named_parameters())
    torch.testing.assert_close(gradients(ours, x, direction)[:2], gradients(plain, x, direction)[:2])


def test_module_without_fusion_is_gsm_with_the_weights_of_gsf() -> None:
    ours, plain = GSF(16, 3, fuse=False).double(), GSM(16, 3).double()
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(6, 16, 4, 5, dtype=torch.float64)
    assert torch.equal(ours(x), plain(x))


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_move_as_those_of_a_batch_norm(momentum: float | None) -> None:
    layer, norm = GSF(8, 2), nn.BatchNorm2d(8)
    for one in (layer.gate.norm, norm):
        one.momentum = momentum  # type: ignore[assignment]
    for _ in range(3):
        x = 100 + torch.randn(4, 8, 5, 3)  # far from zero: squares must not cancel
        layer(x)
        norm(x)
    torch.testing.assert_close(layer.gate.norm.state_dict(), norm.state_dict())


def test_frozen_norm_of_a_module_in_training_keeps_its_statistics() -> None:
    ours, plain = pair(8, 2, 1.0)
    ours.train().gate.norm.eval()
    plain.train().bn.eval()
    before = {name: value.clone() for name, value in ours.named_buffers()}
    assert_same(ours.double(), plain.double(), torch.randn(4, 8, 5, 3, dtype=torch.float64))
    torch.testing.assert_close(dict(ours.float().named_buffers()), before)


def test_one_value_per_channel_has_no_statistics() -> None:
    with pytest.raises(ValueError, match="more than one value per channel"):
        GSF(8, 1).train()(torch.zeros(1, 8, 1, 1))


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize(("channels", "fold_div"), [(16, 8), (24, 8), (20, 8), (6, 2)])
def test_tsm_agrees_with_its_equations(channels: int, fold_div: int, frames: int) -> None:
    x = torch.randn(2 * frames, channels, 3, 4)
    torch.testing.assert_close(TSM(channels, frames, fold_div)(x), plain_tsm(x, frames, fold_div))


# Of each two choices every pair; the other half of the combinations is slow.
CHECKED = [("published", 1.0, True), ("published", 0.5, False), ("identity", 1.0, False), ("identity", 0.5, True)]
GRADIENTS = [
    pytest.param(*case, marks=[] if case in CHECKED else pytest.mark.slow)
    for case in itertools.product(("published", "identity"), (1.0, 0.5), (True, False))
]


@pytest.mark.parametrize(("start", "ratio", "interleave"), GRADIENTS)
def test_gradient_of_gsf_is_that_of_its_output(start: str, ratio: float, interleave: bool) -> None:
    module = GSF(8, 3, ratio, start=start, interleave=interleave).double()  # type: ignore[arg-type]
    with torch.no_grad():
        module.gate.bias.normal_()
        module.gate.weight.normal_(0, 0.2)
        module.fuse.weight.normal_()
    names, values = zip(*module.named_parameters(), strict=True)

    def call(x: Tensor, *parameters: Tensor) -> Tensor:
        out: Tensor = torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), (x,))
        return out

    x = torch.randn(6, 8, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(call, (x, *values))


@pytest.mark.parametrize("layer", [GSF(16, 4), GSF(16, 4, 0.25), GSM(16, 4), TSM(16, 4)], ids=repr)
def test_memory_format_is_kept(layer: nn.Module) -> None:
    x = torch.randn(8, 16, 5, 5)
    assert layer(x).is_contiguous()
    assert layer(x.contiguous(memory_format=torch.channels_last)).is_contiguous(memory_format=torch.channels_last)
    odd = torch.randn(8, 20, 5, 5)[:, 2:18]  # neither, as a slice of another map is
    torch.testing.assert_close(layer.eval()(odd), layer(odd.contiguous()))


@pytest.mark.parametrize("layer", [GSF(16, 4), GSF(16, 4, 0.25), GSM(16, 4)], ids=["gsf", "gsf-r25", "gsm"])
def test_mixed_precision_keeps_the_type_of_the_features(layer: nn.Module) -> None:
    layer = copy.deepcopy(layer)
    x = torch.randn(8, 16, 5, 5, requires_grad=True)
    expected = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        narrow = layer(x.bfloat16())
    assert narrow.dtype == torch.bfloat16
    narrow.float().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    torch.testing.assert_close(narrow.float(), expected, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("layer", [GSF(16, 4), GSM(16, 4)], ids=["gsf", "gsm"])
def test_wide_features_keep_their_precision_under_autocast(layer: nn.Module) -> None:
    layer = copy.deepcopy(layer)
    with torch.no_grad():
        for value in layer.parameters():
            value.normal_(0, 0.5)
    x = torch.randn(8, 16, 5, 5)
    expected = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer(x), expected)


@pytest.mark.parametrize("layer", [GSF(8, 4), GSM(8, 4), TSM(8, 4)], ids=["gsf", "gsm", "tsm"])
@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((6, 8, 3, 3), "6 frames.*multiple of num_segments 4"),
        ((8, 12, 3, 3), r"\(B\*T, 8, H, W\)"),
        ((8, 8, 3), "shape"),
    ],
)
def test_input_of_another_shape_is_an_error(layer: nn.Module, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        layer(torch.zeros(shape))


@pytest.mark.parametrize(("channels", "ratio"), [(10, 1.0), (24, 0.25), (8, 0.125), (16, 0.3)])
def test_channels_that_do_not_divide_are_an_error_that_names_both(channels: int, ratio: float) -> None:
    for build in (lambda: GSF(channels, 8, ratio), lambda: GSM(channels, 8, ratio=ratio)):
        with pytest.raises(ValueError, match=rf"channels {channels} \* ratio {ratio}.*multiple of 4"):
            build()


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: GSF(8, 8, 0.0), "ratio is 0.0"),
        (lambda: GSF(8, 8, 1.5), "ratio is 1.5"),
        (lambda: GSF(8, 0), "num_segments is 0"),
        (lambda: GSF(8, 8, start="zero"), "start is 'zero'"),  # type: ignore[arg-type]
        (lambda: GSF(8, 8, gate=False, start="identity"), "'identity' without gate"),
        (lambda: GSM(8, 8, start="zero"), "start is 'zero'"),  # type: ignore[arg-type]
        (lambda: GSF(8, 8, fuse_init="zero"), "fuse_init is 'zero'"),  # type: ignore[arg-type]
        (lambda: TSM(4, 8), "fold_div is 8 for 4 channels"),
    ],
)
def test_choices_out_of_range_are_errors(build: type, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build()


def test_identity_start_is_the_identity_and_learns() -> None:
    module = GSF(16, 4, 0.5, start="identity")
    x = torch.randn(8, 16, 5, 5)
    out = module(x)
    assert torch.equal(out, x)
    (out * torch.randn_like(out)).sum().backward()
    for name in ("gate.weight", "gate.bias", "fuse.bias"):
        grad = module.get_parameter(name).grad
        assert grad is not None, name
        assert grad.abs().max() > 0, name
    assert "start='identity', interleave=False" in repr(module)


def test_gsm_starts_as_the_identity_but_for_the_interleaving() -> None:
    x = torch.randn(8, 16, 5, 5)
    assert torch.equal(GSM(16, 4, interleave=False)(x), x)
    assert torch.equal(GSM(16, 4, start="identity")(x), x)
    assert not torch.equal(GSM(16, 4)(x), x)
    assert torch.equal(GSM(16, 4)(x)[:, :8], x[:, [0, 4, 1, 5, 2, 6, 3, 7]])


def test_fuse_convolutions_start_as_asked() -> None:
    weights = torch.cat([GSF(4, 2, fuse_init="kaiming").fuse.weight.flatten() for _ in range(200)])
    assert abs(float(weights.detach().std()) - (2 / 9) ** 0.5) < 0.02  # fan-out 9: one output a convolution
    bound = torch.cat([GSF(4, 2).fuse.weight.flatten() for _ in range(200)]).detach().abs().max()
    assert 0.9 * 18**-0.5 < float(bound) <= 18**-0.5  # fan-in 18


@pytest.mark.parametrize("channels", [64, 352])
def test_modules_have_the_published_number_of_parameters(channels: int) -> None:
    assert sum(value.numel() for value in GSF(channels, 8).parameters()) == 29 * channels + 40
    assert sum(value.numel() for value in GSM(channels, 8).parameters()) == 29 * channels + 2


def test_unknown_or_half_released_keys_are_errors() -> None:
    with pytest.raises(ValueError, match=r"'conv2D\.weight' is unknown"):
        module_state_dict({"conv2D.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match="one fuse convolution is missing"):
        module_state_dict({"channel_conv1.weight": torch.zeros(1, 2, 3, 3)})


def test_importing_the_networks_needs_torch_alone() -> None:
    script = (
        "import sys, gsf.nn; heavy = {'torchvision', 'safetensors', 'mlflow', 'dvc', 'pydantic'} & set(sys.modules);"
        "own = {name for name in sys.modules if name.startswith('gsf.') and not name.startswith('gsf.nn')};"
        "sys.exit(f'imported {heavy | own}' if heavy | own else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_gate_starts_like_a_3d_convolution() -> None:
    torch.manual_seed(3)
    gate = GSF(256, 2).gate
    bound = (27 * 128) ** -0.5
    for value in (gate.weight, gate.bias):
        assert float(value.detach().abs().max()) <= bound
    assert abs(float(gate.weight.detach().std()) - bound / 3**0.5) < 0.05 * bound


def test_second_derivative_of_gsf_is_refused_not_wrong() -> None:
    x = torch.randn(4, 8, 3, 3, requires_grad=True)
    out = GSF(8, 2)(x).square().sum()
    with pytest.raises(RuntimeError, match="create_graph=True"):
        torch.autograd.grad(out, x, create_graph=True)
