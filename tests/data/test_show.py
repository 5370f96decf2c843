"""The contact sheet shows the very clips that a training draws, with the label that it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gsf.data.augment.boxes import Box
from gsf.data.augment.clip import ClipTransform, Jitter
from gsf.data.augment.operations import Operation
from gsf.data.inputs import split_of
from gsf.data.lists import read_manifest
from gsf.data.sheet import Strip, draw_sheet
from gsf.data.show import Asked, in_words, show
from gsf.errors import DataError, ParamsError
from gsf.project import Project


def asked(out: Path, **more: object) -> Asked:
    options: dict[str, object] = {"benchmark": "arrow", "model": "gsf", "recipe": "quick", "out": out} | more
    return Asked(**options)  # type: ignore[arg-type]


def test_a_sheet_of_training_clips_follows_from_epoch_and_seed(small_data: Project, tmp_path: Path) -> None:
    said = show(small_data, asked(tmp_path / "a" / "one.png", count=3))
    assert said.endswith("one.png: 3 videos of arrow, recipe quick, model gsf")
    pictures = [np.asarray(Image.open(tmp_path / "a" / "one.png"))]
    for number, more in enumerate(({}, {"epoch": 1}, {"seed": 1})):
        show(small_data, asked(tmp_path / f"{number}.png", count=3, **more))
        pictures.append(np.asarray(Image.open(tmp_path / f"{number}.png")))
    assert np.array_equal(pictures[0], pictures[1])
    assert all(picture.shape[1] > 100 for picture in pictures)
    assert not any(np.array_equal(pictures[0], picture) for picture in pictures[2:])


def test_a_sheet_of_a_protocol_has_a_strip_a_view(small_data: Project, tmp_path: Path) -> None:
    one, six = tmp_path / "one.png", tmp_path / "six.png"
    show(small_data, asked(one, recipe=None, protocol="2x1x1", count=1))
    show(small_data, asked(six, recipe=None, protocol="2x2x3", count=1))
    assert Image.open(six).height > 4 * Image.open(one).height


def test_named_videos_are_shown_and_unknown_ones_an_error(small_data: Project, tmp_path: Path) -> None:
    video = split_of(read_manifest(small_data, "arrow"), "train").ids[5]
    assert "1 videos" in show(small_data, asked(tmp_path / "v.png", videos=(video,)))
    with pytest.raises(DataError, match="arrow, split train: holds no video nope"):
        show(small_data, asked(tmp_path / "v.png", videos=(video, "nope")))


def test_a_sheet_needs_a_picture_file_and_a_known_model(small_data: Project, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"must end in \.png"):
        show(small_data, asked(tmp_path / "sheet.txt"))
    with pytest.raises(ParamsError, match=r"params/plan\.yaml: no such file"):
        show(small_data, asked(tmp_path / "sheet.png", model=None))


def test_words_name_all_that_was_drawn() -> None:
    transform = ClipTransform(
        operations=(Operation("rotate", 8.93, -1), Operation("posterize", 9.4)),
        fill=(1, 2, 3),
        box=Box(2, 4, 30, 40),
        size=32,
        flip=True,
        jitter=Jitter(0.9, 1.1, 1.25),
        grayscale=True,
    )
    assert in_words(transform) == (
        "rotate -8.9; posterize 9.4; box 40 x 30 at x 4, y 2; mirrored; colours x 0.90, 1.10, 1.25; grey"
    )


def test_small_frames_are_enlarged_by_a_whole_number_and_keep_their_colours() -> None:
    colour = torch.tensor([200, 10, 90], dtype=torch.uint8)
    frames = colour.view(1, 3, 1, 1).expand(2, 3, 20, 30)
    pixels = np.asarray(draw_sheet([Strip(("words",), frames)]))
    assert (pixels == colour.numpy()).all(-1).sum() == 2 * (20 * 5) * (30 * 5)
