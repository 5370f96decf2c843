"""What is recorded of a layer is what the layer does: its output follows from it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gsf.explain.evidence import evidence
from gsf.explain.recording import Layer, look
from gsf.nn import create_model
from gsf.nn.insertion import TemporalConv2d
from gsf.nn.model import VideoModel

FRAMES = 4


def network(temporal: str, **options: Any) -> VideoModel:
    """Of random weights, its gates and its classifier too."""
    torch.manual_seed(0)
    model = create_model("resnet18", temporal, 5, FRAMES, **options).eval()  # type: ignore[arg-type]
    for module in model.modules():
        if isinstance(module, TemporalConv2d) and getattr(module.temporal, "gate", None) is not None:
            torch.nn.init.normal_(module.temporal.gate.weight, std=0.02)  # type: ignore[union-attr, arg-type]
    torch.nn.init.normal_(model.classifier.weight)
    return model


def moved(maps: Tensor, steps: tuple[int, int]) -> Tensor:
    """`(T, 2, ...)`: what arrives in frame t, by hand; group g gives from frame t to t + steps[g]."""
    out = torch.zeros_like(maps)
    for group, step in enumerate(steps):
        for frame in range(len(maps)):
            if 0 <= frame + step < len(maps):
                out[frame + step, group] = maps[frame, group]
    return out


def expected(layer: Layer, x: Tensor, scale: float) -> Tensor:
    maps = x[:, : layer.processed].view(FRAMES, 2, layer.processed // 2, *x.shape[2:])
    moving = maps if layer.gate is None else maps * layer.gate[:, :, None]
    came, stayed = moved(moving, layer.steps), maps - moving
    if layer.fuse is None:
        return came + stayed
    w = layer.fuse[..., None, None]
    return scale * (w * came + (1 - w) * stayed)


@pytest.mark.parametrize(
    ("temporal", "options"),
    [
        ("gsf", {}),
        ("gsf", {"gate": False}),
        ("gsf", {"fuse": False}),
        ("gsf", {"start": "identity"}),
        ("gsf", {"ratio": 0.25}),
        ("gsf", {"causal": True}),
        ("gsm", {}),
        ("gsm", {"causal": True}),
    ],
    ids=str,
)
def test_the_output_of_a_layer_follows_from_the_gates_and_fuse_weights_recorded(
    temporal: str, options: dict[str, Any]
) -> None:
    model = network(temporal, interleave=False, **options)
    clip = torch.randn(FRAMES, 3, 32, 32)
    found = look(model, clip).layers
    assert [layer.name for layer in found] == [row.where for row in model.insertions]
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    for layer in found:
        temporal_layer = model.backbone.get_submodule(layer.name).temporal  # type: ignore[union-attr]

        def keep(_: Any, inputs: Any, out: Tensor, name: str = layer.name) -> None:
            seen[name] = (inputs[0].clone(), out.clone())

        temporal_layer.register_forward_hook(keep)  # type: ignore[union-attr, operator]
    with torch.no_grad():
        model(clip[None])
    for layer in found:
        x, out = seen[layer.name]
        by_hand = expected(layer, x, 2.0 if options.get("start") == "identity" else 1.0).flatten(1, 2)
        torch.testing.assert_close(out[:, : layer.processed], by_hand, atol=1e-5, rtol=1e-4)
        assert (layer.gate is None) == (options.get("gate") is False)
        assert (layer.fuse is None) == (temporal == "gsm" or options.get("fuse") is False)
        assert layer.gate is None or layer.gate.abs().max() > 0


def test_gates_are_what_the_gate_gives_for_what_enters_its_layer() -> None:
    model = network("gsf")
    clip = torch.randn(FRAMES, 3, 32, 32)
    first = look(model, clip).layers[0]
    conv = model.backbone.get_submodule(first.name)
    entering: list[Tensor] = []
    hook = conv.register_forward_pre_hook(lambda _, inputs: entering.append(inputs[0].detach()))
    with torch.no_grad():
        model(clip[None])
        hook.remove()
        x = torch.nn.functional.conv2d(entering[0], conv.weight, conv.bias, conv.stride, conv.padding)  # type: ignore[arg-type]
        by_hand = conv.temporal.gate(x[:, : first.processed])[0]  # type: ignore[union-attr, operator]
    assert first.gate is not None
    assert first.gate.shape == (FRAMES, 2, 8, 8)
    torch.testing.assert_close(first.gate, by_hand)


def test_a_network_at_its_start_moves_nothing() -> None:
    model = create_model("resnet18", "gsf", 5, FRAMES, start="identity").eval()
    for layer in look(model, torch.randn(FRAMES, 3, 32, 32)).layers:
        assert layer.gate is not None
        assert not layer.gate.any()


@pytest.mark.parametrize("temporal", ["none", "tsm", "gsf"])
def test_the_evidence_of_frames_adds_up_to_the_logit(temporal: str) -> None:
    model = network(temporal)
    clip = torch.randn(FRAMES, 3, 32, 32)
    seen = look(model, clip)
    with torch.no_grad():
        torch.testing.assert_close(seen.logits, model(clip[None])[0])
    for label in (None, 0, 4):
        found = evidence(seen, label)
        assert found.label == (int(seen.logits.argmax()) if label is None else label)
        assert len(found.by_frame) == FRAMES
        assert sum(found.by_frame) == pytest.approx(found.logit, abs=1e-5)
        assert sum(found.rival_by_frame) == pytest.approx(found.rival_logit, abs=1e-5)
        assert found.rival not in (None, found.label)
        if temporal == "none":  # by itself, each frame says the same in any order
            again = evidence(look(model, clip.flip(0)), found.label)
            assert again.by_frame == pytest.approx(found.by_frame[::-1], abs=1e-5)


def test_looking_leaves_nothing_behind() -> None:
    model = network("gsf")
    look(model, torch.randn(FRAMES, 3, 32, 32))
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
