from __future__ import annotations

import pytest

from gsf.params.augment import Augment
from gsf.params.recipe import Optimizer, Recipe
from gsf.train.schedule import learning_rate


def _recipe(**changes: object) -> Recipe:
    values: dict[str, object] = {
        "name": "r",
        "epochs": 10,
        "batch_size": 4,
        "optimizer": Optimizer(name="sgd", lr=0.1, weight_decay=0.0),
        "warmup_epochs": 2.0,
        "augment": Augment(scales=[1.0]),
    }
    return Recipe(**(values | changes))


def test_warm_up_rises_from_its_start_to_the_peak() -> None:
    rates = [learning_rate(_recipe(), step=step, steps_per_epoch=5) for step in range(10)]
    assert rates == sorted(rates)
    assert 0.01 < rates[0] < rates[-1] < 0.1


def test_cosine_starts_at_the_peak_and_ends_near_zero() -> None:
    assert learning_rate(_recipe(), step=10, steps_per_epoch=5) == pytest.approx(0.1)
    assert learning_rate(_recipe(), step=49, steps_per_epoch=5) < 0.001


def test_constant_stays_at_the_peak() -> None:
    assert learning_rate(_recipe(schedule="constant"), step=49, steps_per_epoch=5) == 0.1


def test_schedule_per_epoch_is_the_published_one() -> None:
    """From 0.1 of the peak in the first epoch; a half cosine from epoch 10 to 1e-7 of the peak after epoch 60."""
    published = _recipe(
        epochs=60, warmup_epochs=10.0, schedule_per="epoch", schedule_end=1e-7, optimizer=_recipe().optimizer
    )
    rates = [learning_rate(published, step=step, steps_per_epoch=3) for step in range(180)]
    assert all(rates[3 * epoch] == rates[3 * epoch + 2] for epoch in range(60))
    assert rates[0] == pytest.approx(0.01)
    assert rates[3 * 5] == pytest.approx(0.055)
    assert rates[3 * 10] == pytest.approx(0.1)
    assert rates[3 * 35] == pytest.approx(0.05, rel=1e-5)
    assert learning_rate(published, step=180, steps_per_epoch=3) == pytest.approx(1e-8)
