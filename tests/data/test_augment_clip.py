"""What is drawn for a clip: boxes, flips and colours, one draw for all frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gsf.data.augment.boxes import Box
from gsf.data.augment.clip import ClipTransform, augment_on_device
from gsf.data.augment.resize import resize, resize_short_side
from gsf.data.crops import crops
from gsf.params.augment import Augment, ColourJitter, RandAugment, ResizedCrop

AUGMENT = Augment(scales=[1.0, 0.875, 0.75], max_distortion=1, flip=True)
FULL = Augment(
    rand_augment=RandAugment(probability=1.0),
    scales=[1.0, 0.875, 0.75],
    colour_jitter=ColourJitter(brightness=0.4, contrast=0.4, saturation=0.4, probability=0.5),
    grayscale=0.3,
)


def draw(seed: int, augment: Augment = AUGMENT, *, may_flip: bool = True) -> ClipTransform:
    generator = np.random.default_rng([0, 0, seed])
    return ClipTransform.draw(augment, height=72, width=96, size=64, may_flip=may_flip, generator=generator)


def clip_of(frames: int = 4, *, seed: int = 0) -> torch.Tensor:
    """Smooth in space, so that rounding of a place matters little; (T, 3, 72, 96)."""
    coarse = torch.rand(frames, 3, 9, 12, generator=torch.Generator().manual_seed(seed)) * 255
    fine = torch.nn.functional.interpolate(coarse, size=(72, 96), mode="bicubic")
    return fine.clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("seed", range(12))
def test_equal_frames_stay_equal_whatever_is_drawn(seed: int) -> None:
    one = clip_of(1)
    out = draw(seed, FULL)(one.expand(8, -1, -1, -1))
    assert (out.shape, out.dtype) == ((8, 3, 64, 64), torch.uint8)
    assert all(torch.equal(frame, out[0]) for frame in out)


@pytest.mark.parametrize("seed", range(50))
def test_boxes_lie_inside_the_frame_and_differ_by_one_step_at_most(seed: int) -> None:
    box = draw(seed).box
    assert box.top >= 0
    assert box.left >= 0
    assert box.top + box.height <= 72
    assert box.left + box.width <= 96
    steps = {round(72 * scale): i for i, scale in enumerate(AUGMENT.scales)}
    assert abs(steps[box.height] - steps[box.width]) <= 1


def test_all_thirteen_places_occur() -> None:
    one_size = Augment(scales=[0.5], max_distortion=0)
    assert len({(draw(seed, one_size).box.top, draw(seed, one_size).box.left) for seed in range(200)}) == 13


def test_resized_boxes_have_the_area_and_the_shape_that_are_asked_for() -> None:
    asked = Augment(resized_crop=ResizedCrop(area=(0.2, 0.6), aspect=(0.75, 1.5)))
    boxes = [draw(seed, asked).box for seed in range(200)]
    for box in boxes:
        assert 0 <= box.top <= 72 - box.height
        assert 0 <= box.left <= 96 - box.width
        assert 0.18 < box.height * box.width / (72 * 96) < 0.62
        assert 0.72 < box.width / box.height < 1.56
    assert len(set(boxes)) > 190


def test_a_shape_that_never_fits_becomes_the_largest_centred_box() -> None:
    tall = Augment(resized_crop=ResizedCrop(area=(1.0, 1.0), aspect=(0.5, 0.5)))
    assert draw(0, tall).box == Box(top=0, left=30, height=72, width=36)


def test_flips_happen_half_of_the_time_and_never_where_forbidden() -> None:
    flips = [draw(seed).flip for seed in range(400)]
    assert 150 < sum(flips) < 250
    assert not any(draw(seed, may_flip=False).flip for seed in range(50))


def test_a_flip_mirrors_every_frame() -> None:
    transform = replace(draw(1), flip=False)
    frames = clip_of()
    assert torch.equal(replace(transform, flip=True)(frames), transform(frames).flip(-1))


def test_each_part_draws_numbers_of_its_own() -> None:
    for seed in range(20):
        plain, full = draw(seed), draw(seed, FULL)
        assert (plain.box, plain.flip) == (full.box, full.flip)
        assert draw(seed, may_flip=False) == replace(plain, flip=False)
        without = FULL.model_copy(update={"colour_jitter": None})
        assert draw(seed, without) == replace(full, jitter=None)


def test_the_repr_says_all_and_can_be_read_back() -> None:
    from gsf.data.augment.clip import Jitter
    from gsf.data.augment.operations import Operation

    names = {"Box": Box, "Jitter": Jitter, "Operation": Operation, "ClipTransform": ClipTransform}
    for seed in range(20):
        transform = draw(seed, FULL)
        assert eval(repr(transform), names) == transform


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_layout_in_memory_changes_no_pixel(layout: torch.memory_format) -> None:
    frames = clip_of()
    for seed in range(30):
        transform = draw(seed, FULL)
        expected = transform(frames.contiguous())
        assert (transform(frames.contiguous(memory_format=layout)).int() - expected.int()).abs().max() <= 1


def test_on_the_device_the_same_draws_give_the_same_clips_for_frames_of_any_size() -> None:
    clips = [clip_of(seed=0), clip_of(seed=1)[..., :80]]
    transforms = [
        ClipTransform.draw(
            FULL, height=72, width=clip.shape[-1], size=64, may_flip=True, generator=np.random.default_rng(seed)
        )
        for seed, clip in enumerate(clips)
    ]
    batch = augment_on_device(clips, transforms, torch.device("cpu"))
    assert batch.shape == (2, 4, 3, 64, 64)
    for mixed, transform, clip in zip(batch, transforms, clips, strict=True):
        assert torch.equal(mixed, transform(clip))


def test_resizing_in_floats_as_on_a_gpu_differs_by_one_grey_level_at_most() -> None:
    frames = torch.randint(0, 256, (4, 3, 72, 96), dtype=torch.uint8)
    for height, width in ((64, 64), (100, 40), (30, 120)):
        on_gpu = torch.nn.functional.interpolate(
            frames.float(), size=(height, width), mode="bilinear", align_corners=False, antialias=True
        ).round_()
        on_cpu = resize(frames, height=height, width=width)
        assert (on_cpu.float() - on_gpu).abs().max() <= 1


def test_operations_need_no_data_to_know_the_shape_of_their_result() -> None:
    frames = torch.empty(8, 3, 72, 96, dtype=torch.uint8, device="meta")
    for seed in range(60):
        transform = draw(seed, FULL)
        out = transform(frames)
        assert (out.shape, out.dtype, out.device.type) == ((8, 3, 64, 64), torch.uint8, "meta")


@pytest.mark.gpu
def test_a_gpu_gives_the_clips_of_the_loader_processes() -> None:
    frames = clip_of(8)
    for seed in range(200):
        transform = draw(seed, FULL)
        here, there = transform(frames), augment_on_device([frames], [transform], torch.device("cuda"))[0].cpu()
        difference = (here.int() - there.int()).abs()
        limited = {"posterize", "solarize", "solarize_add", "equalize", "autocontrast"}
        if len(transform.operations) == 2 and transform.operations[1].name in limited:
            assert (difference > 1).float().mean() < 0.01  # a step of a table may lie between two equal roundings
        else:
            assert difference.max() <= 3  # one level, times the factors of the colours after it
            assert (difference > 1).float().mean() < 0.01


@pytest.mark.parametrize(("height", "width"), [(72, 96), (96, 72), (64, 64)])
def test_three_crops_run_along_the_longer_side(height: int, width: int) -> None:
    frames = torch.arange(height * width).view(1, 1, height, width)
    first, middle, last = crops(frames, size=64, count=3)
    assert torch.equal(middle, crops(frames, size=64, count=1)[0])
    if width >= height:
        assert first[..., 0, 0] == frames[..., round((height - 64) / 2), 0]
        assert last[..., 0, -1] == frames[..., round((height - 64) / 2), width - 1]
    else:
        assert first[..., 0, 0] == frames[..., 0, round((width - 64) / 2)]
        assert last[..., -1, 0] == frames[..., height - 1, round((width - 64) / 2)]


def test_five_crops_are_the_corners_and_the_centre_and_ten_their_mirror_images_too() -> None:
    frames = torch.arange(72 * 96).view(1, 1, 72, 96)
    five = crops(frames, size=64, count=5)
    assert [int(crop[0, 0, 0, 0]) for crop in five] == [0, 32, 8 * 96, 8 * 96 + 32, 4 * 96 + 16]
    ten = crops(frames, size=64, count=10)
    assert all(torch.equal(crop, plain) for crop, plain in zip(ten[:5], five, strict=True))
    assert all(torch.equal(crop, plain.flip(-1)) for crop, plain in zip(ten[5:], five, strict=True))


@pytest.mark.parametrize("count", [1, 3, 5])
def test_mirrored_crops_follow_the_plain_ones(count: int) -> None:
    plain = crops(clip_of(2), size=64, count=count)
    both = crops(clip_of(2), size=64, count=count, mirrored=True)
    assert all(torch.equal(one, other) for one, other in zip(both[:count], plain, strict=True))
    assert all(torch.equal(one, other.flip(-1)) for one, other in zip(both[count:], plain, strict=True))


@pytest.mark.parametrize(("count", "mirrored"), [(2, False), (4, True), (10, True)])
def test_other_numbers_of_crops_are_refused(count: int, mirrored: bool) -> None:
    with pytest.raises(ValueError, match=f"{count} crops.* must be 1, 3, 5"):
        crops(clip_of(1), size=64, count=count, mirrored=mirrored)


def test_short_side_is_scaled_and_the_aspect_ratio_kept() -> None:
    assert resize_short_side(torch.zeros(2, 3, 240, 320, dtype=torch.uint8), 72).shape == (2, 3, 72, 96)
    assert resize_short_side(torch.zeros(2, 3, 320, 240, dtype=torch.uint8), 72).shape == (2, 3, 96, 72)
