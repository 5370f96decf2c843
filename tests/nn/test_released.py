"""Released checkpoints as video models: what is inferred, what is refused, what is warned of."""

from __future__ import annotations

import os
import pickle
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from gsf.nn import VideoModel, create_model, load_released
from gsf.nn.released_frames import trained_frames
from gsf.nn.released_keys import released_state_dict
from tests.nn.reference import golden_keys, needs_golden


def model_and_state(backbone: str, temporal: Any, ratio: float = 1.0) -> tuple[VideoModel, dict[str, Tensor]]:
    """A model whose norms are not as they start, and its released state dict."""
    model = create_model(backbone, temporal, 7, 4, ratio=ratio)
    for key, value in model.state_dict().items():
        if "norm" in key or "bn" in key:
            value.copy_(torch.randint(1, 9, value.shape))
    return model, {key: value.clone() for key, value in released_state_dict(model).items()}


@pytest.fixture(scope="module")
def small() -> tuple[VideoModel, dict[str, Tensor]]:
    return model_and_state("resnet18", "gsf", 0.25)


@pytest.mark.parametrize(
    ("backbone", "temporal", "ratio"),
    [
        ("bninception", "none", 1.0),
        ("bninception", "gsm", 1.0),
        ("bninception", "gsf", 1.0),
        ("inceptionv3", "none", 1.0),
        ("inceptionv3", "gsm", 1.0),
        ("inceptionv3", "gsf", 1.0),
        ("resnet18", "none", 1.0),
        ("resnet34", "gsf", 0.125),
        ("resnet50", "gsm", 0.5),
        ("resnet50", "gsf", 0.25),
        ("resnet50", "gsf", 1.0),
    ],
)
def test_backbone_module_ratio_and_classes_are_inferred(backbone: str, temporal: Any, ratio: float) -> None:
    model, state = model_and_state(backbone, temporal, ratio)
    wrapped = OrderedDict((f"module.{key}", value) for key, value in state.items())
    loaded = load_released({"epoch": 3, "state_dict": wrapped}, num_segments=2)
    told = loaded.released
    assert told is not None
    assert (told.backbone, told.temporal, told.ratio, told.num_classes) == (backbone, temporal, ratio, 7)
    assert told.facts == {"epoch": 3}
    assert (loaded.num_segments, loaded.training) == (2, False)
    assert [row.where for row in loaded.insertions] == [row.where for row in model.insertions]
    torch.testing.assert_close(loaded.state_dict(), model.state_dict(), rtol=0, atol=0)
    assert all(value.requires_grad for value in loaded.parameters())


@needs_golden
@pytest.mark.parametrize("name", ["bninception-gsf-r100-t8", "inceptionv3-gsf-r100-t8", "resnet50-gsf-r25-t8"])
def test_released_keys_are_the_published_ones(name: str) -> None:
    backbone, _, ratio, _ = name.split("-")
    with torch.device("meta"):
        model = create_model(backbone, "gsf", 174, 8, ratio=int(ratio[1:]) / 100)
    assert {key: list(value.shape) for key, value in released_state_dict(model).items()} == golden_keys(name)


def test_gsm_has_the_published_prefix_and_no_fuse_convolutions() -> None:
    with torch.device("meta"):
        keys = released_state_dict(create_model("bninception", "gsm", 5, 8)).keys()
    assert "base_model.gsm_inception_3a_1x1.conv3D.weight" in keys
    assert not any("channel_conv" in key for key in keys)


def test_preprocessing_is_the_published_one() -> None:
    caffe = {"mean": (104.0, 117.0, 128.0), "std": (1.0, 1.0, 1.0), "colour_order": "bgr", "scale": 1.0}
    for backbone, temporal, size, short_side in (
        ("bninception", "gsf", 224, 256),
        ("inceptionv3", "gsf", 229, 261),
        ("inceptionv3", "none", 299, 341),
    ):
        told = load_released(released_state_dict(create_model(backbone, temporal, 2, 2))).preprocessing  # type: ignore[arg-type]
        assert vars(told) == {"size": size, "short_side": short_side} | caffe


def test_files_of_every_kind_load(small: tuple[VideoModel, dict[str, Tensor]], tmp_path: Path) -> None:
    model, state = small
    whole = {
        "epoch": 44,
        "arch": "resnet18",
        "model_state_dict": {f"module.{key}": value for key, value in state.items()},
        "scaler_state_dict": {"scale": 65536.0},
        "best_prec1": torch.tensor(50.5),
        "current_prec1": 50.0,
        "lr": [0.01],
    }
    torch.save(whole, tmp_path / "whole.pth.tar")
    torch.save(state, tmp_path / "plain.pth", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "plain.safetensors", metadata={"epoch": "44"})
    for name in ("whole.pth.tar", "plain.pth", "plain.safetensors"):
        loaded = load_released(tmp_path / name)
        torch.testing.assert_close(loaded.state_dict(), model.state_dict(), rtol=0, atol=0)
        assert loaded.released is not None
    facts = {"epoch": 44, "arch": "resnet18", "best_prec1": 50.5, "current_prec1": 50.0}
    assert load_released(str(tmp_path / "whole.pth.tar")).released.facts == facts  # type: ignore[union-attr]
    assert load_released(tmp_path / "plain.safetensors").released.facts == {"epoch": "44"}  # type: ignore[union-attr]


def test_loading_leaves_the_dict_and_the_random_generator_as_they_are(
    small: tuple[VideoModel, dict[str, Tensor]],
) -> None:
    _, state = small
    before = torch.random.get_rng_state()
    loaded = load_released(state)
    assert torch.equal(torch.random.get_rng_state(), before)
    key = "base_model.conv1.weight"
    copy = state[key].clone()
    with torch.no_grad():
        loaded.backbone.get_parameter("conv1.weight").zero_()
    assert torch.equal(state[key], copy)


def test_half_precision_and_missing_counters_are_no_obstacle(small: tuple[VideoModel, dict[str, Tensor]]) -> None:
    _, state = small
    half = {
        key: value.half() if value.is_floating_point() else value
        for key, value in state.items()
        if not key.endswith("num_batches_tracked")
    }
    loaded = load_released(half)
    assert {value.dtype for value in loaded.state_dict().values()} == {torch.float32, torch.int64}
    assert int(loaded.backbone.get_buffer("bn1.num_batches_tracked")) == 0


def test_what_does_not_fit_is_listed_by_its_released_name(small: tuple[VideoModel, dict[str, Tensor]]) -> None:
    state = dict(small[1])
    del state["base_model.layer1.0.gsf.bn.weight"], state["new_fc.bias"]
    state["base_model.fc.weight"] = torch.zeros(7, 512)
    state["base_model.layer2.0.conv1.weight"] = torch.zeros(1)
    state["base_model.layer1.1.gsf.conv3D.weight"] = torch.zeros(2, 16, 3, 3, 3)
    with pytest.raises(ValueError, match="does not fit GSF on resnet18") as error:
        load_released({"state_dict": state})
    assert str(error.value).endswith(
        "missing base_model.layer1.0.gsf.bn.weight, new_fc.bias; unexpected base_model.fc.weight; "
        "base_model.layer1.1.gsf.conv3D.weight has shape (2, 16, 3, 3, 3) instead of (2, 8, 3, 3, 3), "
        "base_model.layer2.0.conv1.weight has shape (1,) instead of (128, 64, 3, 3)"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"new_fc.weight": None}, r"missing new_fc\.weight; new_fc\.bias has shape \(7,\) instead of \(1,\)"),
        ({"base_model.layer1.0.gsm.bn.weight": torch.zeros(1)}, "modules of GSF and of GSM"),
        ({"module.base_model.conv1.weight": torch.zeros(1)}, r"unexpected module\.base_model\.conv1\.weight"),
        ({"epoch": 3}, r"holds epoch, which are no tensors, must hold model_state_dict or state_dict"),
    ],
)
def test_other_defects_are_clear_errors(
    small: tuple[VideoModel, dict[str, Tensor]], change: dict[str, Any], words: str
) -> None:
    state = {key: value for key, value in (small[1] | change).items() if value is not None}
    with pytest.raises(ValueError, match=words):
        load_released(state)


class Code:
    """What a hostile file does: it runs something as soon as it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_file_with_code_is_refused_and_the_code_does_not_run(
    small: tuple[VideoModel, dict[str, Tensor]], tmp_path: Path
) -> None:
    witness, path = tmp_path / "ran", tmp_path / "hostile.pth"
    hostile = {"state_dict": small[1], "epoch": Code(witness)}
    torch.save(hostile, path)
    with pytest.raises(
        ValueError, match=r"hostile\.pth: holds something else than weights .*mkdir.*not loaded.* can run code"
    ):
        load_released(path)
    torch.save(hostile, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match="holds something else than weights"):
        load_released(path)
    path.write_bytes(pickle.dumps(Code(witness), protocol=2))
    with pytest.raises(ValueError, match="holds something else than weights"):
        load_released(path)
    assert not witness.exists()
    pickle.loads(path.read_bytes())  # the witness works
    assert witness.exists()


def test_files_that_are_no_checkpoint_are_clear_errors(tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    for content, words in (
        ([1, 2], "holds a list, must hold a dict"),
        ({}, "holds no tensors"),
        ({"conv1.weight": torch.zeros(1)}, r"begins with keys conv1\.weight, must be a released network on one of"),
    ):
        torch.save(content, path)
        with pytest.raises(ValueError, match=words):
            load_released(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"file\.pth: cannot be read"):
        load_released(path)
    with pytest.raises(ValueError, match=r"absent\.pth: does not exist"):
        load_released(tmp_path / "absent.pth")
    with pytest.raises(ValueError, match=r"ends in '\.zip', must be a file of weights"):
        load_released(tmp_path / "file.zip")


@pytest.mark.parametrize(
    ("facts", "path", "frames", "told_by"),
    [
        ({"num_segments": 16}, "ssv1_8f.pth", 16, "its field num_segments"),
        ({"args": {"num_segments": 12}}, None, 12, "its field args.num_segments"),
        ({"num_segments": "16"}, None, 16, "its field num_segments"),
        ({"arch": "BNInception_segment16"}, None, 16, "its field arch"),
        ({"arch": "resnet50"}, "RGB_resnet50_avg_segment8_e60/model_best.pth.tar", 8, "the name of its folder"),
        ({"arch": "resnet101"}, "gsf_ssv1_16frames.pth", 16, "the name of the file"),
        ({}, "ssv2-resnet50-16f.pth", 16, "the name of the file"),
        ({}, "something_v1_8_frames_50.63.pth", 8, "the name of the file"),
        ({}, "8f_and_16f.pth", None, None),
        ({}, "resnet50_256px_f32_seed1.pth", None, None),
        ({"num_segments": True, "arch": "InceptionV3"}, "model_best.pth.tar", None, None),
        ({"num_segments": 0}, "frames.pth", None, None),
    ],
)
def test_number_of_frames_is_told_by_fields_then_by_names(
    facts: dict[str, Any], path: str | None, frames: int | None, told_by: str | None
) -> None:
    file = None if path is None else Path("/runs/released") / path
    assert trained_frames(facts, file) == (frames, told_by)


def test_other_number_of_frames_than_in_training_is_warned_of(
    small: tuple[VideoModel, dict[str, Tensor]], tmp_path: Path
) -> None:
    path = tmp_path / "gsf_resnet18_16frames.pth"
    torch.save({"model_state_dict": small[1]}, path)
    with pytest.warns(UserWarning, match=r"16 frames a clip, says the name of the file, .*with 8.*scores lower"):
        loaded = load_released(path)
    assert loaded.released is not None
    assert loaded.released.trained_segments == 16
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_released(path, num_segments=16)
        load_released({"model_state_dict": small[1]})  # nothing tells the number
