"""The contact sheet shows the very clips that a training draws, with the label that it learns."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gsf.data.augment.boxes import Box
from gsf.data.augment.clip import ClipTransform, Jitter
from gsf.data.augment.mixing import Mixer
from gsf.data.augment.operations import Operation
from gsf.data.clips import TrainingClips
from gsf.data.inputs import flipped_labels, split_of, stored_shards
from gsf.data.lists import read_manifest
from gsf.data.loader import collate
from gsf.data.videos import Videos
from gsf.errors import DataError, ParamsError
from gsf.params.base import load
from gsf.params.recipe import Recipe
from gsf.project import Project
from gsf.show.mixed import find_mixes
from gsf.show.sheet import Strip, draw_sheet
from gsf.show.show import Asked, in_words, show
from gsf.train.batches import Batches
from tests.small_project import RECIPE


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


MIXING = RECIPE.replace("0.875]", "0.875], mixing: {%s}").replace("batch_size: 8", "batch_size: 8\naccumulate: %d")


def mixed(project: Project, *, accumulate: int, mixing: str) -> Recipe:
    """The quick recipe with mixing, written over the project's."""
    file = project.params_file("recipes", "quick")
    file.write_text(MIXING % (accumulate, mixing))
    return load(Recipe, file)


@pytest.mark.parametrize("mixing", ["mixup: 0.8", "cutmix: 1.0"])
@pytest.mark.parametrize("processes", [1, 2])
def test_mixed_clips_are_those_of_a_training(small_project: Callable[[], Project], mixing: str, processes: int) -> None:
    project, seed, epoch, size = small_project(), 3, 1, 32
    recipe = mixed(project, accumulate=2 // processes, mixing=mixing)
    manifest = read_manifest(project, "arrow")
    videos = Videos(split_of(manifest, "train"), stored_shards(project, "arrow", manifest))
    count, classes = len(videos.split), len(manifest.classes)
    clips = TrainingClips(
        videos, num_segments=2, size=size, augment=recipe.augment, flipped_labels=flipped_labels(manifest), seed=seed
    )
    found = find_mixes(recipe, range(count), num_videos=count, size=size, seed=seed, epoch=epoch, devices=processes)
    assert recipe.augment.mixing is not None
    mixer = Mixer(recipe.augment.mixing, num_classes=classes)
    compared: set[int] = set()
    for rank in range(processes):
        plan = Batches(count, recipe.batch_size, recipe.accumulate, recipe.epochs, seed, rank, processes)
        for step in plan.steps(epoch=epoch):
            for piece in step.pieces:
                batch, labels, _ = collate([clips[position] for position in piece.positions])
                number = epoch * plan.steps_per_epoch + step.number
                pixels, targets = mixer(batch, labels, seed=seed, step=number, part=piece.number)
                for place, (_, row) in enumerate(piece.positions):
                    mix = found[row]
                    other, label, _ = clips[epoch, mix.partner]
                    shown = mix(clips[epoch, row][0], other)
                    assert torch.equal(shown, pixels[place].round().to(torch.uint8))
                    assert targets[place, label] >= 1 - mix.share - 1e-6
                    compared.add(row)
    assert compared == set(range(count))


def test_a_sheet_shows_mixed_clips_with_the_shares_of_their_labels(
    small_project: Callable[[], Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = small_project()
    strips: list[Strip] = []
    mixed(project, accumulate=1, mixing="mixup: 0.8")

    def drawn(found: list[Strip]) -> Image.Image:
        strips.extend(found)
        return draw_sheet(found)

    monkeypatch.setattr("gsf.show.show.draw_sheet", drawn)
    show(project, asked(tmp_path / "one.png", count=2, epoch=1))
    trained, went_through, mix = strips[1].words
    shares = re.fullmatch(r"trained as: \w+ (0\.\d\d)( \(mirrored, was \w+\))?, \w+ (0\.\d\d)", trained)
    assert shares is not None, trained
    assert float(shares[1]) + float(shares[3]) == pytest.approx(1)
    assert went_through.startswith("box ")
    assert re.fullmatch(r"mixup: 0\.\d\d of \S+", mix)
    own = strips[1].frames
    mixed(project, accumulate=1, mixing="mixup: 0.8, probability: 0.0")
    show(project, asked(tmp_path / "two.png", count=2, epoch=1))
    assert len(strips[5].words) == 2
    assert not torch.equal(strips[5].frames, own)


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
