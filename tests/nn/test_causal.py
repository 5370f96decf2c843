"""Modules that look only backwards: against their equations, and as streams against clips."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gsf.nn import Stream, create_model
from gsf.nn.causal import CausalGSF, CausalGSM, CausalTSM
from gsf.nn.model import VideoModel

TIME = 6


def randomised(module: nn.Module) -> nn.Module:
    """With weights and statistics that are nowhere at their start."""
    with torch.no_grad():
        for value in module.parameters():
            value.normal_(0, 0.3)
        for name, value in module.named_buffers():
            if name.endswith("mean"):
                value.normal_()
            elif name.endswith("var"):
                value.uniform_(0.5, 2)
    return module.eval()


def plain(module: CausalGSF | CausalGSM, x: Tensor) -> Tensor:
    """The equations by 3D and 2D convolutions with zeros in front of the first frame; `(B, C, T, H, W)`."""
    half = module.processed // 2
    part, rest = x[:, : module.processed], x[:, module.processed :]
    if module.gate is None:
        gate = torch.ones_like(part[:, :2])
    else:
        norm = module.gate.norm
        active = functional.relu(
            functional.batch_norm(part, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        )
        weight = module.gate.weight.view(2, 3, half, 3, 3).movedim(1, 2)  # (2, F/2, 3 steps, 3, 3)
        padded = functional.pad(active, [1, 1, 1, 1, 2, 0])
        gate = torch.tanh(functional.conv3d(padded, weight, module.gate.bias, groups=2))
    fuse = getattr(module, "fuse", None)
    out = []
    for group in range(2):
        maps = part[:, group * half : (group + 1) * half]
        y = maps * gate[:, group : group + 1]
        r = maps - y
        y = functional.pad(y[:, :, :-1], [0, 0, 0, 0, 1, 0])
        if fuse is None:
            mixed = y + r
        else:
            plane = torch.stack((y.mean((3, 4)), r.mean((3, 4))), 1)  # (B, 2, F/2, T)
            plane = functional.pad(plane, [2, 0, 1, 1])
            w = torch.sigmoid(functional.conv2d(plane, fuse.weight[group : group + 1], fuse.bias[group : group + 1]))
            w = w[:, 0, :, :, None, None]
            mixed = module.fuse_scale * (w * y + (1 - w) * r)  # type: ignore[operator, union-attr]
        if module.interleave:
            mixed = mixed.unflatten(1, (2, half // 2)).transpose(1, 2).flatten(1, 2)  # type: ignore[no-untyped-call]
        out.append(mixed)
    return torch.cat((*out, rest), 1)


MODULES = {
    "gsf": lambda: CausalGSF(16, TIME),
    "gsf, half of the channels": lambda: CausalGSF(16, TIME, 0.5),
    "gsf without gate": lambda: CausalGSF(16, TIME, gate=False),
    "gsf without fuse": lambda: CausalGSF(16, TIME, fuse=False),
    "gsf without interleaving": lambda: CausalGSF(16, TIME, interleave=False),
    "gsf from the identity": lambda: CausalGSF(16, TIME, start="identity"),
    "gsm": lambda: CausalGSM(16, TIME),
}


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["nchw", "channels_last"])
@pytest.mark.parametrize("name", MODULES)
def test_modules_agree_with_their_equations(name: str, layout: torch.memory_format) -> None:
    module = randomised(MODULES[name]()).double()
    x = torch.randn(2 * TIME, 16, 5, 7, dtype=torch.float64).contiguous(memory_format=layout)
    clips = x.unflatten(0, (2, TIME)).transpose(1, 2)
    expected = plain(module, clips).transpose(1, 2).flatten(0, 1)  # type: ignore[arg-type]
    out = module(x)
    torch.testing.assert_close(out, expected)
    assert out.is_contiguous(memory_format=layout)


def test_tsm_takes_one_part_from_the_frame_before() -> None:
    x = torch.randn(2 * TIME, 16, 3, 3)
    out, clips = CausalTSM(16, TIME)(x).unflatten(0, (2, TIME)), x.unflatten(0, (2, TIME))
    assert torch.equal(out[:, 1:, :2], clips[:, :-1, :2])
    assert not out[:, 0, :2].any()
    assert torch.equal(out[:, :, 2:], clips[:, :, 2:])


@pytest.mark.parametrize("name", [*MODULES, "tsm"])
def test_no_frame_sees_a_later_one(name: str) -> None:
    module = randomised(MODULES[name]() if name != "tsm" else CausalTSM(16, TIME))
    x = torch.randn(TIME, 16, 4, 4)
    for frame in range(TIME):
        other = x.clone()
        other[frame] += torch.randn(16, 4, 4)
        changed = (module(other) - module(x)).abs().amax((1, 2, 3)) > 0
        assert not changed[:frame].any()
        assert changed[frame:].any() or frame == TIME - 1  # without a gate, all of the last frame moves out of sight


def test_identity_start_passes_everything_on() -> None:
    x = torch.randn(2 * TIME, 16, 4, 4)
    torch.testing.assert_close(CausalGSF(16, TIME, start="identity")(x), x)


def test_gradients_are_those_of_the_function() -> None:
    module = randomised(CausalGSF(8, 3)).double()
    x = torch.randn(3, 8, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(module, (x,))


def network(backbone: str, temporal: str, *, frames: int = TIME) -> VideoModel:
    torch.manual_seed(1)
    causal = temporal != "none"
    model = create_model(backbone, temporal, 5, frames, ratio=0.5, causal=causal)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if ".temporal." in name or name.startswith("classifier"):
                value.copy_(torch.randn(value.shape, generator=generator) * 0.2)
        for module in model.modules():  # statistics of some clips: without them, nothing gets through deep networks
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        model.train()(torch.randn(2, frames, 3, 64, 64, generator=generator))
    return model.eval()


@pytest.mark.parametrize(
    ("backbone", "temporal"),
    [
        ("resnet18", "gsf"),
        ("resnet18", "gsm"),
        ("resnet18", "tsm"),
        ("resnet18", "none"),
        ("mobilenet_v2", "gsf"),
        ("bninception", "gsf"),
    ],
)
def test_a_stream_gets_what_its_clip_gets_frame_by_frame(backbone: str, temporal: str) -> None:
    model, clips = network(backbone, temporal).double(), torch.randn(2, TIME, 3, 64, 64, dtype=torch.float64)
    with torch.inference_mode():
        by_frame = model.classifier(model.features(clips)).unflatten(0, (2, TIME))
        whole = model(clips)
    stream = Stream(model)
    for again in range(2):
        for index in range(TIME):
            seen = stream(clips[:, index])
            torch.testing.assert_close(seen.frame, by_frame[:, index], rtol=1e-9, atol=1e-12)
            torch.testing.assert_close(seen.logits, by_frame[:, : index + 1].mean(1), rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(seen.logits, whole, rtol=1e-9, atol=1e-12)
        if not again:
            stream.reset()
    assert by_frame.std(1).max() > 1e-3  # the frames do differ


def test_a_long_stream_is_a_long_clip_and_its_state_does_not_grow() -> None:
    frames = 40
    model, longer = network("resnet18", "gsf"), network("resnet18", "gsf", frames=frames)
    longer.load_state_dict(model.state_dict())
    clip = torch.randn(1, frames, 3, 48, 48)
    with torch.inference_mode():
        expected = longer.classifier(longer.features(clip))
    stream, sizes = Stream(model), set()
    for index in range(frames):
        seen = stream(clip[:, index])
        torch.testing.assert_close(seen.frame[0], expected[index], rtol=1e-3, atol=1e-3)
        if index >= TIME:
            sizes.add(stream.state_bytes())
            window = expected[index - TIME + 1 : index + 1].mean(0)
            torch.testing.assert_close(seen.logits[0], window, rtol=1e-3, atol=1e-3)
    assert len(sizes) == 1


def test_a_stream_leaves_its_model_alone_and_shares_its_weights() -> None:
    model = network("resnet18", "gsf")
    clips = torch.randn(1, TIME, 3, 48, 48)
    with torch.inference_mode():
        before = model(clips)
        stream = Stream(model)
        stream(clips[:, 0])
        assert torch.equal(model(clips), before)
    with torch.no_grad():
        model.classifier.bias += 1
    first = Stream(model)(clips[:, 0]).logits
    stream.reset()
    torch.testing.assert_close(stream(clips[:, 0]).logits, first)


def test_models_that_look_ahead_are_refused() -> None:
    with pytest.raises(ValueError, match="has GSF, which looks at the next frame, must be causal"):
        Stream(create_model("resnet18", "gsf", 5, 4))
    with pytest.raises(ValueError, match="window is 0, must be >= 1"):
        Stream(network("resnet18", "gsf"), window=0)
    with pytest.raises(ValueError, match="causal is True with temporal 'none'"):
        create_model("resnet18", "none", 5, 4, causal=True)


def test_a_causal_model_exports_and_trains() -> None:
    model = network("resnet18", "gsf").train()
    clips = torch.randn(2, TIME, 3, 48, 48)
    model(clips).sum().backward()
    assert all(value.grad is not None for value in model.parameters())
    program = torch.export.export(model.eval(), (clips,))
    torch.testing.assert_close(program.module()(clips), model(clips), rtol=1e-4, atol=1e-4)
