from __future__ import annotations

import numpy as np
import pytest
import torch

from gsf.data.augment import ClipTransform, crops, resize_short_side
from gsf.params.augment import Augment

AUGMENT = Augment(scales=[1.0, 0.875, 0.75], max_distortion=1, flip=True)


def _draw(seed: int, *, may_flip: bool = True) -> ClipTransform:
    generator = np.random.default_rng(seed)
    return ClipTransform.draw(AUGMENT, height=72, width=96, size=64, may_flip=may_flip, generator=generator)


def test_the_same_box_is_cut_from_every_frame() -> None:
    one = torch.randint(0, 256, (3, 72, 96), dtype=torch.uint8)
    out = _draw(1)(one.expand(8, -1, -1, -1))
    assert out.shape == (8, 3, 64, 64)
    assert all(torch.equal(frame, out[0]) for frame in out)


@pytest.mark.parametrize("seed", range(50))
def test_boxes_lie_inside_the_frame_and_differ_by_one_step_at_most(seed: int) -> None:
    box = _draw(seed)
    assert box.top >= 0
    assert box.left >= 0
    assert box.top + box.height <= 72
    assert box.left + box.width <= 96
    steps = {round(72 * scale): i for i, scale in enumerate(AUGMENT.scales)}
    assert abs(steps[box.height] - steps[box.width]) <= 1


def test_flips_happen_half_of_the_time_and_never_where_forbidden() -> None:
    flips = [_draw(seed).flip for seed in range(400)]
    assert 150 < sum(flips) < 250
    assert not any(_draw(seed, may_flip=False).flip for seed in range(50))


def test_forbidding_the_flip_changes_no_other_draw() -> None:
    for seed in range(20):
        free, forbidden = _draw(seed), _draw(seed, may_flip=False)
        assert (free.top, free.left, free.height, free.width) == (
            forbidden.top,
            forbidden.left,
            forbidden.height,
            forbidden.width,
        )


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


def test_short_side_is_scaled_and_the_aspect_ratio_kept() -> None:
    assert resize_short_side(torch.zeros(2, 3, 240, 320, dtype=torch.uint8), 72).shape == (2, 3, 72, 96)
    assert resize_short_side(torch.zeros(2, 3, 320, 240, dtype=torch.uint8), 72).shape == (2, 3, 96, 72)
