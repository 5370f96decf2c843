"""RandAugment: what is drawn, and that each operation is torchvision's and Pillow's."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as v2

from gsf.data.augment import colours
from gsf.data.augment.boxes import Box
from gsf.data.augment.operations import (
    GEOMETRIC,
    NAMES,
    POINTWISE,
    Operation,
    apply,
    apply_operations,
    draw_operations,
)
from gsf.data.augment.warp import rotation, shear_x, shear_y, translate, warp
from gsf.params.augment import RandAugment

FILL = (124, 116, 104)
PAPER = RandAugment()
WHOLE = Box(0, 0, 48, 64)


def frames(count: int = 3, height: int = 48, width: int = 64) -> torch.Tensor:
    """Smooth pictures of limited range with some noise, so that every operation has something to do."""
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(count, 3, 6, 8, generator=generator) * 200 + 20
    fine = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")
    return (fine + torch.rand(fine.shape, generator=generator) * 12).clamp(0, 255).to(torch.uint8)


def assert_close(ours: torch.Tensor, theirs: torch.Tensor, *, levels: int = 1) -> None:
    assert ours.dtype == torch.uint8
    assert (ours.int() - theirs.int()).abs().max() <= levels


CLIP = frames()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (colours.invert(CLIP), v2.invert(CLIP)),
        (colours.posterize(CLIP, 3), v2.posterize(CLIP, 3)),
        (colours.solarize(CLIP, 130), v2.solarize(CLIP, 130)),
        (colours.brightness(CLIP, 1.72), v2.adjust_brightness(CLIP, 1.72)),
        (colours.saturation(CLIP, 1.72), v2.adjust_saturation(CLIP, 1.72)),
        (colours.saturation(CLIP, 0.2), v2.adjust_saturation(CLIP, 0.2)),
        (colours.contrast(CLIP, 1.72), v2.adjust_contrast(CLIP, 1.72)),
        (colours.contrast(CLIP, 0.3), v2.adjust_contrast(CLIP, 0.3)),
        (colours.sharpness(CLIP, 1.72), v2.adjust_sharpness(CLIP, 1.72)),
        (colours.autocontrast(CLIP), v2.autocontrast(CLIP)),
        (colours.equalize(CLIP), v2.equalize(CLIP)),
        (colours.grayscale(CLIP), v2.rgb_to_grayscale(CLIP, 3)),
    ],
    ids=lambda value: "",
)
def test_colours_are_torchvisions_within_its_rounding(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert_close(ours, theirs, levels=2)  # torchvision cuts off the grey and the result, we round both


@pytest.mark.parametrize("name", ["equalize", "invert", "posterize", "solarize", "autocontrast", "sharpness"])
def test_colours_are_pillows(name: str) -> None:
    pictures = [Image.fromarray(frame.permute(1, 2, 0).numpy()) for frame in CLIP]
    theirs = {
        "equalize": ImageOps.equalize,
        "invert": ImageOps.invert,
        "posterize": lambda picture: ImageOps.posterize(picture, 3),
        "solarize": lambda picture: ImageOps.solarize(picture, 230),
        "autocontrast": ImageOps.autocontrast,
        "sharpness": lambda picture: ImageEnhance.Sharpness(picture).enhance(1.72),
    }[name]
    wanted = torch.stack([torch.from_numpy(np.array(theirs(picture))).permute(2, 0, 1) for picture in pictures])
    assert_close(apply(CLIP, Operation(name, 9.0), fill=FILL), wanted)


@pytest.mark.parametrize(
    ("operation", "coefficients"),
    [
        (Operation("shear_x", 9.0), (1, 0.27, 0, 0, 1, 0)),
        (Operation("shear_y", 9.0, -1), (1, 0, 0, -0.27, 1, 0)),
        (Operation("translate_x", 9.0, -1), (1, 0, -round(0.405 * 64), 0, 1, 0)),
        (Operation("translate_y", 8.0), (1, 0, 0, 0, 1, round(0.36 * 48))),
    ],
)
def test_shears_and_translations_are_pillows(operation: Operation, coefficients: tuple[float, ...]) -> None:
    ours = apply(CLIP, operation, fill=FILL)
    for frame, mine in zip(CLIP, ours, strict=True):
        picture = Image.fromarray(frame.permute(1, 2, 0).numpy())
        moved = picture.transform(
            picture.size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR, fillcolor=FILL
        )
        theirs = torch.from_numpy(np.array(moved)).permute(2, 0, 1)
        # A pixel on the edge of the old frame is mixed with the fill here, and taken or left there.
        assert ((mine.int() - theirs.int()).abs() > 1).float().mean() < 0.06


def test_a_rotation_is_torchvisions() -> None:
    ours = apply(CLIP, Operation("rotate", 9.0), fill=FILL)
    theirs = v2.rotate(CLIP, 27.0, interpolation=InterpolationMode.BILINEAR, fill=list(map(float, FILL)))
    assert ((ours.int() - theirs.int()).abs() > 1).float().mean() < 0.04  # at the old frame's edge


def test_a_translation_moves_whole_pixels_even_out_of_sight() -> None:
    assert torch.equal(translate(CLIP, 5, -3, fill=FILL)[..., 3:, :-5], CLIP[..., :-3, 5:])
    box = Box(10, 20, 8, 8)
    assert torch.equal(translate(CLIP, 5, -3, fill=FILL, box=box), box.cut(translate(CLIP, 5, -3, fill=FILL)))
    gone = translate(CLIP, 60, 0, fill=FILL, box=box)
    assert torch.equal(gone, torch.tensor(FILL, dtype=torch.uint8).view(1, 3, 1, 1).expand(3, 3, 8, 8))


def test_what_moves_in_has_the_fill_colour() -> None:
    out = apply(CLIP, Operation("translate_x", 10.0), fill=FILL)
    assert out[:, :, :, -20:].unique(dim=-1).shape[-1] == 1
    assert out[0, :, 0, -1].tolist() == list(FILL)


def test_a_way_and_its_opposite_cancel_away_from_the_edges() -> None:
    smooth = torch.nn.functional.avg_pool2d(CLIP.float(), 9, 1, 4, count_include_pad=False).to(torch.uint8)
    for there, back in (
        (rotation(10, height=48, width=64), rotation(-10, height=48, width=64)),
        (shear_x(0.1), shear_x(-0.1)),
        (shear_y(0.1), shear_y(-0.1)),
    ):
        returned = warp(warp(smooth, there, fill=FILL), back, fill=FILL)
        inside = (slice(None), slice(None), slice(14, 34), slice(18, 46))
        assert_close(returned[inside], smooth[inside], levels=4)


def test_operations_on_a_box_are_those_on_the_frame_cut_afterwards() -> None:
    box = Box(5, 9, 30, 24)
    for first in NAMES:
        for second in ("rotate", "equalize", "brightness", "solarize"):
            chain = (Operation(first, 9.0, -1 if first in GEOMETRIC else 1), Operation(second, 8.5))
            early = apply_operations(CLIP, chain, fill=FILL, box=box)
            late = CLIP
            for operation in chain:
                late = apply(late, operation, fill=FILL)
            assert early.shape == (3, 3, 30, 24)
            assert_close(early, box.cut(late), levels=0 if second != "rotate" else 1)


def test_no_operation_changes_what_it_is_given() -> None:
    before = CLIP.clone()
    for name in NAMES:
        apply(CLIP, Operation(name, 9.0), fill=FILL)
    assert torch.equal(before, CLIP)


def test_flat_frames_pass_through_what_stretches_contrast() -> None:
    flat = torch.full((2, 3, 8, 8), 77, dtype=torch.uint8)
    assert torch.equal(colours.autocontrast(flat), flat)
    assert torch.equal(colours.equalize(flat), flat)
    assert torch.equal(colours.sharpness(flat[..., :2, :2], 1.7), flat[..., :2, :2])


def test_the_published_levels_stand_for_the_published_strengths() -> None:
    at_nine = {
        "posterize": colours.posterize(CLIP, 3),
        "solarize": colours.solarize(CLIP, 230),
        "solarize_add": colours.solarize_add(CLIP, 99),
        "color": colours.saturation(CLIP, 1.72),
        "contrast": colours.contrast(CLIP, 1.72),
        "brightness": colours.brightness(CLIP, 1.72),
        "sharpness": colours.sharpness(CLIP, 1.72),
        "rotate": warp(CLIP, rotation(27, height=48, width=64), fill=FILL),
        "translate_y": translate(CLIP, 0, round(0.405 * 48), fill=FILL),
    }
    for name, wanted in at_nine.items():
        assert_close(apply(CLIP, Operation(name, 9.0), fill=FILL), wanted)


def test_draws_have_the_published_shares_and_levels() -> None:
    drawn = [draw_operations(PAPER, generator=np.random.default_rng(seed)) for seed in range(3000)]
    lengths = Counter(map(len, drawn))
    assert [round(lengths[n] / 3000, 1) for n in range(3)] == [0.2, 0.5, 0.2] or abs(lengths[1] / 3000 - 0.5) < 0.03
    operations = [operation for clip in drawn for operation in clip]
    names = Counter(operation.name for operation in operations)
    assert set(names) == set(NAMES)
    assert len(NAMES) == 15
    assert max(names.values()) < 1.5 * min(names.values())
    levels = np.array([operation.level for operation in operations])
    assert abs(np.median(levels) - 9) < 0.05
    assert levels.max() <= 10
    signs = [operation.sign for operation in operations if operation.name in GEOMETRIC]
    assert abs(np.mean(signs)) < 0.1
    assert all(operation.sign == 1 for operation in operations if operation.name not in GEOMETRIC)


def test_groups_of_operations_do_not_overlap() -> None:
    assert not set(POINTWISE) & set(GEOMETRIC)
    assert set(POINTWISE) | set(GEOMETRIC) < set(NAMES)
