"""Pixels to what a network takes: colour order, scale, mean and deviation."""

from __future__ import annotations

import torch

from gsf.data.preprocess import normalize
from gsf.nn.own import CAFFE, IMAGENET
from gsf.params.base import load
from gsf.params.model import Model
from gsf.train.checkpoint import build_model
from tests.pipeline.tiny import ROOT


def frames(red: int, green: int, blue: int) -> torch.Tensor:
    """(1 clip, 2 frames, 3, 4, 4) of one colour."""
    return torch.tensor([red, green, blue], dtype=torch.uint8).view(1, 1, 3, 1, 1).expand(1, 2, 3, 4, 4)


def test_networks_from_caffe_see_blue_first_in_0_to_255_minus_the_mean() -> None:
    out = normalize(frames(red=255, green=117, blue=4), CAFFE)
    assert (out.dtype, out.shape) == (torch.float32, (1, 2, 3, 4, 4))
    assert out[0, 0, :, 0, 0].tolist() == [4 - 104, 0, 255 - 128]
    assert torch.equal(out, out[:, :1, :, :1, :1].expand_as(out))


def test_networks_of_torchvision_see_red_first_with_mean_and_deviation() -> None:
    out = normalize(frames(red=255, green=0, blue=51), IMAGENET)[0, 1, :, 2, 3]
    torch.testing.assert_close(
        out, torch.tensor([(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (0.2 - 0.406) / 0.225]), rtol=1e-6, atol=1e-6
    )


def test_the_layout_in_memory_changes_no_number_and_no_input() -> None:
    clips = torch.randint(0, 256, (2, 3, 3, 8, 10), dtype=torch.uint8)
    by_pixel = clips.movedim(2, -1).contiguous().movedim(-1, 2)
    for preprocessing in (IMAGENET, CAFFE):
        wanted = normalize(clips, preprocessing)
        assert torch.equal(normalize(by_pixel, preprocessing), wanted)
        floats = clips.float()
        assert torch.equal(normalize(floats, preprocessing), wanted)
        assert torch.equal(floats, clips.float())


def test_shipped_inception_models_are_the_published_ones() -> None:
    for name in ("gsf-bninception-224", "gsf-inceptionv3-229"):
        model = load(Model, ROOT / "params" / "models" / f"{name}.yaml")
        with torch.device("meta"):
            network = build_model(model, num_classes=174)
        assert (model.input_size, model.short_side) == (network.preprocessing.size, network.preprocessing.short_side)
        assert (model.ratio, model.start, model.interleave, model.dropout) == (1, "published", True, 0.5)
        assert {row.processed == row.channels for row in network.insertions} == {True}
        assert network.preprocessing.colour_order == "bgr"
