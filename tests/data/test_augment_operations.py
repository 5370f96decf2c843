"""RandAugment: what is drawn, and that each operation at its level is Pillow's."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

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


PILLOWS = {
    "autocontrast": ImageOps.autocontrast,
    "brightness": lambda picture: ImageEnhance.Brightness(picture).enhance(1.72),
    "color": lambda picture: ImageEnhance.Color(picture).enhance(1.72),
    "contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(1.72),
    "equalize": ImageOps.equalize,
    "invert": ImageOps.invert,
    "posterize": lambda picture: ImageOps.posterize(picture, 3),
    "sharpness": lambda picture: ImageEnhance.Sharpness(picture).enhance(1.72),
    "solarize": lambda picture: ImageOps.solarize(picture, 230),
    "solarize_add": lambda picture: picture.point([value + 99 if value < 128 else value for value in range(256)] * 3),
}


@pytest.mark.parametrize("name", PILLOWS)
def test_operations_on_colours_are_pillows_at_the_published_strengths(name: str) -> None:
    pictures = [Image.fromarray(frame.permute(1, 2, 0).numpy()) for frame in CLIP]
    wanted = torch.stack([torch.from_numpy(np.array(PILLOWS[name](picture))).permute(2, 0, 1) for picture in pictures])
    assert_close(apply(CLIP, Operation(name, 9.0), fill=FILL), wanted, levels=2)  # a grey cut off here, rounded there


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


def test_a_rotation_is_pillows() -> None:
    ours = apply(CLIP, Operation("rotate", 9.0), fill=FILL)
    for frame, mine in zip(CLIP, ours, strict=True):
        picture = Image.fromarray(frame.permute(1, 2, 0).numpy())
        theirs = torch.from_numpy(np.array(picture.rotate(27, Image.Resampling.BILINEAR, fillcolor=FILL)))
        difference = (mine.int() - theirs.permute(2, 0, 1).int()).abs()
        assert (difference > 2).float().mean() < 0.06  # at the old frame's edge


def test_a_translation_moves_whole_pixels() -> None:
    columns, rows = round(0.405 * 64), round(0.36 * 48)
    left = apply(CLIP, Operation("translate_x", 9.0), fill=FILL)
    assert torch.equal(left[..., :-columns], CLIP[..., columns:])
    down = apply(CLIP, Operation("translate_y", 8.0, -1), fill=FILL)
    assert torch.equal(down[..., rows:, :], CLIP[..., :-rows, :])


def test_what_moves_in_has_the_fill_colour() -> None:
    out = apply(CLIP, Operation("translate_x", 10.0), fill=FILL)
    assert out[:, :, :, -20:].unique(dim=-1).shape[-1] == 1
    assert out[0, :, 0, -1].tolist() == list(FILL)


def test_a_way_and_its_opposite_cancel_away_from_the_edges() -> None:
    smooth = torch.nn.functional.avg_pool2d(CLIP.float(), 9, 1, 4, count_include_pad=False).to(torch.uint8)
    for name in ("rotate", "shear_x", "shear_y"):
        there = apply(smooth, Operation(name, 3.0), fill=FILL)
        returned = apply(there, Operation(name, 3.0, -1), fill=FILL)
        inside = (slice(None), slice(None), slice(14, 34), slice(18, 46))
        assert_close(returned[inside], smooth[inside], levels=6)
        assert not torch.equal(there[inside], smooth[inside])


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
            assert torch.equal(early, box.cut(late))


def test_no_operation_changes_what_it_is_given() -> None:
    before = CLIP.clone()
    for name in NAMES:
        apply(CLIP, Operation(name, 9.0), fill=FILL)
    assert torch.equal(before, CLIP)


def test_flat_frames_pass_through_what_stretches_contrast() -> None:
    flat = torch.full((2, 3, 8, 8), 77, dtype=torch.uint8)
    for name in ("autocontrast", "equalize", "sharpness"):
        assert torch.equal(apply(flat, Operation(name, 9.0), fill=FILL), flat)


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
