"""Mixup and CutMix: clips and labels in the same proportion."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gsf.data.augment.mixing import BatchMix, Mixer, draw_mix
from gsf.params.augment import Mixing
from gsf.params.base import validate

BOTH = Mixing(mixup=0.8, cutmix=1.0)


def draw(step: int, params: Mixing = BOTH, *, batch_size: int = 6, seed: int = 1, part: int = 0) -> BatchMix:
    found = draw_mix(params, batch_size=batch_size, height=20, width=30, seed=seed, step=step, part=part)
    assert found is not None
    return found


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_targets_are_the_shares_of_the_pixels(step: int, batch_size: int) -> None:
    drawn = draw(step, batch_size=batch_size)
    number = torch.arange(batch_size, dtype=torch.float32)
    clips = number.view(-1, 1, 1, 1, 1).expand(-1, 2, 3, 20, 30).contiguous()  # every pixel is its clip's number
    mixed, targets = drawn.mix(clips), drawn.targets(torch.arange(batch_size), num_classes=batch_size)
    torch.testing.assert_close(mixed.mean((1, 2, 3, 4)), targets @ number, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(targets.sum(1), torch.ones(batch_size))
    assert (targets >= 0).all()


def test_all_frames_of_a_clip_are_mixed_alike() -> None:
    clips = torch.rand(4, 1, 3, 20, 30).expand(-1, 5, -1, -1, -1)
    for step in range(20):
        mixed = draw(step, batch_size=4).mix(clips)
        assert torch.equal(mixed, mixed[:, :1].expand_as(mixed))


def test_nobody_is_its_own_partner_and_everyone_is_one_partner() -> None:
    for step in range(50):
        partners = draw(step).partners
        assert sorted(partners) == list(range(6))
        assert all(clip != partner for clip, partner in enumerate(partners))


def test_draws_follow_from_seed_step_and_part_alone() -> None:
    assert draw(3) == draw(3)
    assert len({draw(3), draw(4), draw(3, seed=2), draw(3, part=1)}) == 4


def test_both_kinds_occur_as_often_and_each_alone_always() -> None:
    cuts = sum(draw(step).box is not None for step in range(400))
    assert 150 < cuts < 250
    assert all(draw(step, Mixing(mixup=0.2)).box is None for step in range(20))
    assert all(draw(step, Mixing(cutmix=1.0)).box is not None for step in range(20))


def test_a_share_of_the_batches_can_be_left_as_it_is() -> None:
    half = Mixing(mixup=0.2, probability=0.5)
    drawn = [draw_mix(half, batch_size=4, height=8, width=8, seed=0, step=step) for step in range(400)]
    assert 150 < sum(one is None for one in drawn) < 250


def test_one_clip_alone_and_no_parameters_mix_nothing() -> None:
    assert draw_mix(BOTH, batch_size=1, height=8, width=8, seed=0, step=0) is None
    assert draw_mix(None, batch_size=8, height=8, width=8, seed=0, step=0) is None


def test_mixup_of_bytes_is_an_error_and_cutmix_takes_them() -> None:
    clips = torch.randint(0, 256, (6, 2, 3, 20, 30), dtype=torch.uint8)
    with pytest.raises(ValueError, match="must be floats"):
        draw(0, Mixing(mixup=0.2)).mix(clips)
    before = clips.clone()
    assert draw(0, Mixing(cutmix=1.0)).mix(clips).dtype == torch.uint8
    assert torch.equal(before, clips)


def test_cross_entropy_takes_the_targets() -> None:
    drawn, labels, logits = draw(5), torch.arange(6), torch.randn(6, 6)
    loss = torch.nn.functional.cross_entropy(logits, drawn.targets(labels, num_classes=6), label_smoothing=0.1)
    own, other = (
        torch.nn.functional.cross_entropy(logits, target, label_smoothing=0.1)
        for target in (labels, labels[list(drawn.partners)])
    )
    torch.testing.assert_close(loss, drawn.share * own + (1 - drawn.share) * other)


def test_a_mixer_takes_the_bytes_of_a_batch_and_gives_levels_and_shares() -> None:
    clips, labels = torch.randint(0, 256, (4, 2, 3, 20, 30), dtype=torch.uint8), torch.tensor([0, 2, 1, 2])
    for params in (Mixing(mixup=0.4), Mixing(cutmix=1.0)):
        mixed, shares = Mixer(params, num_classes=3)(clips, labels, seed=7, step=2)
        drawn = draw(2, params, batch_size=4, seed=7)
        assert torch.equal(mixed, drawn.mix(clips.float()).to(mixed.dtype))
        assert torch.equal(shares, drawn.targets(labels, num_classes=3))
    alone = Mixer(BOTH, num_classes=3)(clips[:1], labels[:1], seed=7)
    assert torch.equal(alone[0], clips[:1])
    assert torch.equal(alone[1], labels[:1])


def test_mixing_that_mixes_nothing_is_an_error() -> None:
    from gsf.errors import ParamsError

    with pytest.raises(ParamsError, match="must be mixup or cutmix above 0"):
        validate(Mixing, {}, where="r.yaml")
