"""The Inception networks: blocks, places of temporal modules, published names, published weights."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from gsf.nn import GSF, create_model
from gsf.nn.bninception import BNInception
from gsf.nn.inceptionv3 import InceptionV3
from gsf.nn.own import OWN
from gsf.nn.pretrained import load_backbone, published_keys

NAMES = ["bninception", "inceptionv3"]
PLACES = {
    ("bninception", "gsf"): {
        "inception_3a_1x1": 64,
        "inception_3b_1x1": 64,
        "inception_3c_3x3_reduce": 128,
        "inception_4a_1x1": 224,
        "inception_4b_1x1": 192,
        "inception_4c_1x1": 160,
        "inception_4d_1x1": 96,
        "inception_4e_3x3_reduce": 128,
        "inception_5a_1x1": 352,
        "inception_5b_1x1": 352,
    },
    ("inceptionv3", "gsf"): {
        "mixed_conv_Conv2D": 64,
        "mixed_1_conv_Conv2D": 64,
        "mixed_2_conv_Conv2D": 64,
        "mixed_3_conv_Conv2D": 384,
        "mixed_4_conv_Conv2D": 192,
        "mixed_5_conv_Conv2D": 192,
        "mixed_6_conv_Conv2D": 192,
        "mixed_7_conv_Conv2D": 192,
        "mixed_8_tower_conv_Conv2D": 192,
        "mixed_9_conv_Conv2D": 320,
        "mixed_10_conv_Conv2D": 320,
    },
}
PLACES["bninception", "gsm"] = PLACES["bninception", "gsf"]
PLACES["inceptionv3", "gsm"] = {
    name if name != "mixed_3_conv_Conv2D" else "mixed_3_tower_conv_Conv2D": channels if channels != 384 else 64
    for name, channels in PLACES["inceptionv3", "gsf"].items()
    if name != "mixed_6_conv_Conv2D"
}


def build(name: str) -> BNInception | InceptionV3:
    net = OWN[name].build()
    assert isinstance(net, BNInception | InceptionV3)
    return net


@pytest.mark.parametrize("temporal", ["none", "tsm", "gsm", "gsf"])
@pytest.mark.parametrize("name", NAMES)
def test_every_model_runs_and_learns(name: str, temporal: Any) -> None:
    model = create_model(name, temporal, 5, 2, ratio=0.25)
    size = {"bninception": 96, "inceptionv3": 101}[name]
    out = model(torch.randn(2, 2, 3, size, size))
    assert out.shape == (2, 5)
    out.square().sum().backward()
    # A bias in front of a norm has no effect, and what is in front of GSM's zero convolution has none yet.
    idle = ("bias", "gate.norm.weight") if temporal == "gsm" else ("bias",)
    for key, value in model.named_parameters():
        assert value.grad is not None, key
        assert value.grad.abs().max() > 0 or key.endswith(idle), key


@pytest.mark.parametrize("temporal", ["gsm", "gsf"])
@pytest.mark.parametrize("name", NAMES)
def test_modules_stand_behind_the_published_convolutions(name: str, temporal: Any) -> None:
    with torch.device("meta"):
        model = create_model(name, temporal, 5, 8)
        shifted = create_model(name, "tsm", 5, 8)
    net = model.backbone
    assert isinstance(net, BNInception | InceptionV3)
    assert {net.published_name(row.where): row.channels for row in model.insertions} == PLACES[name, temporal]
    for row in model.insertions:
        conv = net.get_submodule(row.where)
        assert not conv.in_front
        assert conv.temporal.processed == row.channels
    assert all(shifted.backbone.get_submodule(row.where).in_front for row in shifted.insertions)
    where = [shifted.backbone.published_name(row.where) for row in shifted.insertions]  # type: ignore[operator]
    assert where == list(PLACES[name, "gsf"])


def test_fuse_convolutions_start_with_the_default_here_and_kaiming_normal_in_resnets() -> None:
    def largest(backbone: str) -> float:
        modules = create_model(backbone, "gsf", 5, 8).backbone.modules()
        return max(float(module.fuse.weight.detach().abs().max()) for module in modules if isinstance(module, GSF))

    bound = (2 * 3 * 3) ** -0.5  # the default is uniform within 1 / sqrt(fan-in)
    assert largest("bninception") <= bound
    assert largest("resnet18") > 2 * bound  # kaiming's deviation is that of 9 outputs, sqrt(2 / 9)


@pytest.mark.parametrize(
    ("name", "size", "sides"),
    [
        ("bninception", 224, {"inception_3b": 28, "inception_4d": 14, "inception_5b": 7}),
        ("inceptionv3", 229, {"mixed_2": 27, "mixed_7": 13, "mixed_10": 6}),
        ("inceptionv3", 299, {"mixed_2": 35, "mixed_7": 17, "mixed_10": 8}),
    ],
)
def test_maps_have_the_published_sizes(name: str, size: int, sides: dict[str, int]) -> None:
    with torch.device("meta"):
        net = build(name)
        found = {}
        for path in sides:
            net.get_submodule(path).register_forward_hook(
                lambda _, __, out, path=path: found.update({path: tuple(out.shape[2:])})
            )
        assert net(torch.empty(1, 3, size, size)).shape == (1, net.width)
    assert found == {path: (side, side) for path, side in sides.items()}


def test_pooling_of_the_last_block_takes_the_maximum() -> None:
    with torch.device("meta"):
        blocks = dict(build("bninception").named_children()) | dict(build("inceptionv3").named_children())
    pools = {name: block.pool for name, block in blocks.items() if name.startswith(("inception_", "mixed"))}
    peaks = {name for name, pool in pools.items() if isinstance(pool, nn.MaxPool2d) and pool.stride == 1}
    assert peaks == {"inception_5b", "mixed_10"}
    reductions = {name for name, pool in pools.items() if pool.stride == 2}
    assert reductions == {"inception_3c", "inception_4e", "mixed_3", "mixed_8"}


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("bninception", 80, r"map of 5x5 .* even sides; .* multiples of 32 px"),
        ("inceptionv3", 96, r"map of 10x10 .* odd sides; .* 229 or 299 px"),
        ("inceptionv3", 92, r"map of 4x4 .* odd sides"),
    ],
)
def test_size_that_does_not_halve_evenly_is_an_error(name: str, size: int, words: str) -> None:
    with torch.device("meta"), pytest.raises(ValueError, match=words):
        build(name)(torch.empty(1, 3, size, size))


def test_our_networks_need_torch_alone() -> None:
    program = (
        "import sys; sys.modules.update(torchvision=None, numpy=None, PIL=None)\n"
        "import gsf.nn\n"
        "models = [gsf.nn.create_model(name, 'gsf', 5, 8) for name in ('bninception', 'resnet18')]\n"
        "print(len(models))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("2", 0), done.stderr


def published(name: str, *, classifier: str | None = None, caffe: bool = True) -> tuple[dict[str, Tensor], nn.Module]:
    """Weights in the published form, and the network they belong to."""
    net = build(name)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.running_mean)
    names = published_keys(net)
    state = {names[key]: value.clone() for key, value in net.state_dict().items() if "num_batches" not in key}
    if caffe:
        state = {
            key: value[None] if value.dim() == 1 and key.rpartition(".")[0].endswith(("_bn", "_batchnorm")) else value
            for key, value in state.items()
        }
    if classifier:
        state |= {f"{classifier}.weight": torch.zeros(1000, net.width), f"{classifier}.bias": torch.zeros(1000)}
    return state, net


@pytest.mark.parametrize(
    ("name", "suffix", "classifier", "caffe"),
    [
        ("bninception", ".pth", "fc", True),
        ("bninception", ".safetensors", "last_linear", False),
        ("inceptionv3", ".pth", "top_cls_fc", True),
        ("inceptionv3", ".safetensors", None, True),
    ],
)
def test_published_image_weights_load(
    name: str, suffix: str, classifier: str | None, caffe: bool, tmp_path: Path
) -> None:
    state, net = published(name, classifier=classifier, caffe=caffe)
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    model = create_model(name, "gsf", 5, 2, pretrained=path)
    loaded = model.backbone.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in net.state_dict().items())


def test_weights_in_our_own_names_load_too(tmp_path: Path) -> None:
    state = build("bninception").state_dict()
    torch.save(state, tmp_path / "ours.pth")
    net = build("bninception")
    load_backbone(net, tmp_path / "ours.pth")
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())


class Code:
    def __reduce__(self) -> Any:
        return print, ("this ran",)


def test_weights_that_do_not_fit_or_cannot_be_read_are_clear_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, net = published("bninception", classifier="fc")
    state["fc2.weight"] = torch.zeros(5, net.width)  # two layers that may be a classifier: neither is taken for it
    del state["conv1_7x7_s2.bias"]
    state["inception_3a_1x1_bn.weight"] = torch.zeros(1, 65)
    path = tmp_path / "weights.pth"

    def refused(content: Any, words: str) -> None:
        torch.save(content, path)
        with pytest.raises(ValueError, match=words):
            load_backbone(net, path)

    refused(
        state,
        r"weights\.pth: does not fit BNInception, must hold .*Caffe-converted weights: missing conv1_7x7_s2\.bias; "
        r"unexpected fc\.bias, fc\.weight, fc2\.weight; "
        r"inception_3a_1x1_bn\.weight has shape \(1, 65\) instead of \(64,\)",
    )
    refused([1], "holds a list, must hold a state dict")
    refused({"epoch": 1, "state_dict": state}, r"\(epoch, state_dict\), must hold a state dict.*load_released")
    refused(published("inceptionv3")[0], r"and 394 more; unexpected conv_1_Conv2D\.bias.* and 544 more$")
    refused({"a": Code()}, r"something else than weights \(.*print\).*not loaded, since such a file can run code")
    path.write_bytes(pickle.dumps(Code(), protocol=2))
    with pytest.raises(ValueError, match=r"something else than weights \(.*print\)"):
        load_backbone(net, path)
    assert "this ran" not in capsys.readouterr().out
    path.write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"weights \(unknown bytes\), must hold tensors.*written by torch\.save"):
        load_backbone(net, path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"cannot be read \(.*written by torch\.save"):
        load_backbone(net, path)
    with pytest.raises(ValueError, match="torchvision', which has no weights for it, must be a local file"):
        create_model("bninception", "none", 5, 2, pretrained="torchvision")
