"""Exported files: what they compute, what they say of themselves, and what happens when they disagree."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gsf.nn import Preprocessing, VideoModel, create_model, export, insert_temporal
from gsf.nn.backbones import Trunk, known_backbones
from gsf.nn.export import METADATA, SUFFIXES, TOLERANCE, export_model
from gsf.nn.resnet import Bottleneck

TEMPORALS: list[Any] = ["none", "tsm", "gsm", "gsf"]
PREPROCESSING = Preprocessing(20, 24, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb", 255.0)
# Of our own and of torchvision, as far as they are there, with inputs as small as their poolings allow.
SMALL = {"bninception": 64, "inceptionv3": 107, "resnet18": 32, "resnet34": 32, "resnet50": 32, "resnet101": 32}
SMALL |= {"mobilenet_v2": 32, "vgg11": 32, "densenet121": 32, "regnet_y_400mf": 32, "efficientnet_b0": 32}


def needs(*packages: str) -> Any:
    absent = [name for name in packages if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(absent), reason=f"needs {', '.join(absent)}: pip install 'gsf-video[export]'")


FORMATS = [pytest.param("torch"), pytest.param("onnx", marks=needs("onnx", "onnxscript", "onnxruntime"))]


def shaken(model: VideoModel) -> VideoModel:
    """Weights and statistics away from where they start, so that every part shows in the outputs.

    The norms that close a bottleneck keep half: 33 of them that add up what they find would blow rounding up beyond any
    tolerance (both sides of a ResNet-101 were 4e-3 from double precision), while a change of any module still shows.
    """
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "temporal" in name:
                value.normal_(0, 0.3)
        for name, value in model.named_buffers():
            if name.endswith("running_mean"):
                value.normal_(0, 0.1)
        for module in model.modules():
            if isinstance(module, Bottleneck):
                module.bn3.weight.mul_(0.5)
        model.classifier.weight.normal_()
    return model


def tiny(temporal: Any, **options: Any) -> VideoModel:
    net = nn.Sequential(nn.Conv2d(3, 16, 3, stride=2), nn.BatchNorm2d(16), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = VideoModel(Trunk(net, 16, PREPROCESSING), num_classes=5, num_segments=4)
    insert_temporal(net, temporal, 4, where=["0"] if temporal != "none" else None, **options)
    return shaken(model)


def stored(path: Path) -> Any:
    """The metadata in a file, read as another program would."""
    if path.suffix == ".pt2":
        extra = {METADATA: ""}
        torch.export.load(path, extra_files=extra)
        return json.loads(extra[METADATA])
    import onnxruntime

    return json.loads(onnxruntime.InferenceSession(str(path)).get_modelmeta().custom_metadata_map[METADATA])


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("temporal", TEMPORALS)
def test_exported_file_agrees_with_the_model_and_describes_itself(temporal: Any, format: Any, tmp_path: Path) -> None:
    model = tiny(temporal, ratio=0.5).train()
    path = tmp_path / f"model{SUFFIXES[format]}"
    done = export_model(model, path, format=format, metadata={"classes": list("abcde")})
    assert done.error is not None
    assert done.error < TOLERANCE
    assert model.training
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    content = stored(path)
    assert content == done.metadata
    assert content["classes"] == list("abcde")
    assert content["num_segments"] == 4
    assert content["input"]["shape"] == ["batch", 4, 3, 20, 20]
    assert content["preprocessing"]["colour_order"] == "rgb"


@needs("onnx", "onnxscript", "onnxruntime")
def test_whole_network_exports(tmp_path: Path) -> None:
    model = shaken(create_model("resnet18", "gsf", 5, 2, ratio=0.5))
    done = export_model(model, tmp_path / "model.onnx", format="onnx", size=32)
    assert done.error is not None
    assert done.error < TOLERANCE
    seen = done.metadata["preprocessing"]
    assert (seen["size"], seen["short_side"]) == (32, 37)  # 256 of 224


def test_whole_network_of_branches_exports(tmp_path: Path) -> None:
    model = shaken(create_model("bninception", "gsf", 5, 1))
    done = export_model(model, tmp_path / "model.pt2", format="torch", size=SMALL["bninception"])
    assert done.error is not None
    assert done.error < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("temporal", TEMPORALS)
@pytest.mark.parametrize("backbone", SMALL)
def test_every_network_exports(backbone: str, temporal: Any, format: Any, tmp_path: Path) -> None:
    if backbone not in known_backbones():
        pytest.skip(f"{backbone} is not among the backbones")
    try:
        model = shaken(create_model(backbone, temporal, 5, 2, ratio=0.5))
    except ValueError as error:
        if "no place for temporal modules" not in str(error):
            raise
        pytest.skip(str(error))
    done = export_model(model, tmp_path / f"model{SUFFIXES[format]}", format=format, size=SMALL[backbone])
    assert done.error is not None
    assert done.error < TOLERANCE


def test_file_that_disagrees_is_deleted_and_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = export._loaded

    def wrong(path: Path, format: Any) -> Any:
        run = loaded(path, format)
        assert run is not None
        return lambda clips: run(clips) * 1.001

    path = tmp_path / "model.pt2"
    path.write_text("an older file")
    monkeypatch.setattr(export, "_loaded", wrong)
    with pytest.raises(ValueError, match=r"model\.pt2: outputs differ from the model's by 0\.001 .*deleted"):
        export_model(tiny("gsf"), path, format="torch")
    assert [file.name for file in tmp_path.iterdir()] == ["model.pt2"]
    assert path.read_text() == "an older file"


def test_outputs_that_are_no_numbers_are_a_disagreement(tmp_path: Path) -> None:
    model = tiny("gsf")
    with torch.no_grad():
        model.classifier.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="differ from the model's by nan"):
        export_model(model, tmp_path / "model.pt2", format="torch")


@pytest.mark.parametrize(
    ("name", "format", "words"),
    [
        ("model.onnx", "torch", r"ends in '\.onnx', must be '\.pt2'"),
        ("model.pt", "onnx", r"ends in '\.pt', must be '\.onnx'"),
        ("model.pt2", "tflite", "format is 'tflite', must be one of torch, onnx"),
        ("absent/model.pt2", "torch", "absent does not exist"),
    ],
)
def test_bad_choices_are_errors(name: str, format: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        export_model(tiny("none"), tmp_path / name, format=format)


def test_onnx_without_its_packages_is_an_error_that_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"without the packages onnx, onnxscript; install them"):
        export_model(tiny("none"), tmp_path / "model.onnx", format="onnx")


@needs("onnx", "onnxscript")
def test_onnx_that_nothing_here_can_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "onnxruntime" else found(name))
    assert export_model(tiny("none"), tmp_path / "model.onnx", format="onnx").error is None


def test_any_batch_serves(tmp_path: Path) -> None:
    model = tiny("gsf").eval()
    export_model(model, tmp_path / "model.pt2", format="torch")
    program = torch.export.load(tmp_path / "model.pt2").module()
    for batch in (1, 2, 5):
        clips = torch.randn(batch, 4, 3, 20, 20)
        out: Tensor = program(clips)
        with torch.no_grad():
            torch.testing.assert_close(out, model(clips))
