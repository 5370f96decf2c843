"""What a recipe asks for is what the loop does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn, optim
from torch.nn import functional

from gsf.data.clips import epoch_order
from gsf.data.preprocess import normalize
from gsf.errors import ParamsError, TrainError
from gsf.nn import create_model
from gsf.params.base import load
from gsf.params.recipe import Recipe
from gsf.train.activations import checkpoint_blocks
from gsf.train.loop import Outcome
from gsf.train.norms import frozen_norms
from gsf.train.optimizer import parameter_groups
from gsf.train.running import Running
from gsf.train.step import seed_of
from tests.pipeline.tiny import ROOT
from tests.train.toy import Clips, network, recipe, train

SHIPPED = sorted((ROOT / "params" / "recipes").glob("*.yaml"))


def same(one: Outcome, two: Outcome) -> bool:
    return all(torch.equal(value, two.weights[name]) for name, value in one.weights.items())


def close(one: Outcome, two: Outcome, *, skip: str = "running") -> bool:
    return all(
        torch.allclose(value, two.weights[name], rtol=1e-4, atol=1e-6)
        for name, value in one.weights.items()
        if skip not in name and "num_batches" not in name
    )


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_loop_takes_the_steps_of_a_bare_loop(dropout: float, tmp_path: Path) -> None:
    model, clips, number = network(dropout=dropout).train(), Clips(10), 0
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.0005)
    for epoch in range(2):
        order = epoch_order(10, seed=0, epoch=epoch)
        for begin in range(0, 10, 4):
            pixels, labels, _ = zip(*(clips[position] for position in order[begin : begin + 4]), strict=True)
            torch.manual_seed(seed_of(0, step=number, piece=0))
            logits = model(normalize(torch.stack(pixels), model.preprocessing))
            optimizer.zero_grad()
            functional.cross_entropy(logits, torch.tensor(labels)).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 20.0)
            optimizer.step()
            number += 1
    sgd = {"name": "sgd", "lr": 0.05, "nesterov": True, "weight_decay": 0.0005}
    of = recipe(optimizer=sgd, schedule="constant", clip_norm=20.0, dropout=dropout)
    trained = train(tmp_path, of).weights
    assert all(torch.equal(value, trained[name]) for name, value in model.state_dict().items())


def test_gradient_of_a_step_in_parts_is_that_of_the_whole_step(tmp_path: Path) -> None:
    """The last step of an epoch holds two clips of the ten, its parts one each: the mean is over what it holds."""
    whole = train(tmp_path / "whole", recipe(frozen_norms="all"), model=without_gate_norms())
    parts = train(tmp_path / "parts", recipe(frozen_norms="all", accumulate=4), model=without_gate_norms())
    assert close(whole, parts)
    assert [row["train_loss"] for row in whole.history] == pytest.approx([row["train_loss"] for row in parts.history])


def without_gate_norms() -> Any:
    """The toy without a temporal module: its norm would see the part, not the step."""
    model = network()
    model.backbone[2][1] = nn.Identity()
    return model


def test_checkpointed_activations_change_no_weight_and_no_statistic(tmp_path: Path) -> None:
    of = recipe(dropout=0.5)
    plain = train(tmp_path / "plain", of)
    again = train(tmp_path / "again", of.model_copy(update={"checkpoint_activations": True}))
    assert same(plain, again)


def test_blocks_of_every_family_are_found() -> None:
    for backbone, at_least in (("resnet18", 8), ("mobilenet_v2", 17), ("densenet121", 7)):
        assert checkpoint_blocks(create_model(backbone, "none", 3, 2)) >= at_least
    bare = network()
    bare.backbone = nn.Sequential(nn.Conv2d(3, 8, 3))
    with pytest.raises(TrainError, match="has no blocks"):
        checkpoint_blocks(bare)


@pytest.mark.parametrize(("kind", "kept"), [("all", 2), ("all_but_first", 1)])
def test_frozen_norms_keep_statistics_and_weights(kind: str, kept: int, tmp_path: Path) -> None:
    model = network()
    of = recipe(frozen_norms=kind)
    frozen = frozen_norms(model, of)
    assert len(frozen) == kept  # that of the gate is new, and trained
    before = [value.clone() for norm in frozen for value in norm.state_dict().values()]
    gate = model.backbone[2][1].gate.norm
    train(tmp_path, of, model=model)
    assert all(map(torch.equal, before, [value for norm in frozen for value in norm.state_dict().values()]))
    assert gate.num_batches_tracked > 0


def test_decay_of_weights_alone_leaves_norms_and_biases_out() -> None:
    adamw = {"name": "adamw", "lr": 0.001, "weight_decay": 0.05, "decay": "weights", "classifier_lr": 10}
    groups = parameter_groups(network(), recipe(optimizer=adamw))
    assert all((group["weight_decay"] == 0) == (value.dim() < 2) for group in groups for value in group["params"])
    assert sorted((group["weight_decay"], group["lr_scale"]) for group in groups) == [
        (0.0, 1.0),
        (0.0, 10.0),
        (0.05, 1.0),
        (0.05, 10.0),
    ]
    assert len(parameter_groups(network(), recipe())) == 1  # as published: every parameter alike


def test_averaged_weights_are_validated_and_kept(tmp_path: Path) -> None:
    plain, averaged = train(tmp_path / "plain", recipe()), train(tmp_path / "averaged", recipe(ema=0.9))
    assert not same(plain, averaged)
    losses = [[row["train_loss"] for row in outcome.history] for outcome in (plain, averaged)]
    assert losses[0] == losses[1]  # the average watches, it does not steer
    model = network()
    model.load_state_dict(averaged.weights)
    logits = torch.stack(
        [model.eval()(normalize(Clips(5)[index][0][None], model.preprocessing))[0] for index in range(5)]
    )
    expected = functional.cross_entropy(logits, torch.arange(5) % 3)
    assert averaged.history[-1]["val_loss"] == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("mixing", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}], ids=str)
def test_mixing_of_a_recipe_is_what_is_trained_on(mixing: dict[str, float], tmp_path: Path) -> None:
    of = recipe(augment={"scales": [1.0], "mixing": mixing})
    mixed = train(tmp_path / "mixed", of)
    assert not same(train(tmp_path / "hard", recipe()), mixed)
    assert same(train(tmp_path / "again", of, running=Running(workers=1)), mixed)


def test_rate_follows_the_batch_where_asked() -> None:
    sgd = {"name": "sgd", "lr": 0.1, "lr_batch": 256, "weight_decay": 0.0}
    assert recipe(batch_size=64, optimizer=sgd).peak_lr == pytest.approx(0.025)


def test_bfloat16_on_a_cpu_trains(tmp_path: Path) -> None:
    assert train(tmp_path, recipe(precision="bfloat16", channels_last=True)).history[-1]["train_loss"] < 2


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"optimizer": {"name": "adamw", "lr": 0.1, "weight_decay": 0.0, "momentum": 0.9}}, "without momentum"),
        ({"optimizer": {"name": "sgd", "lr": 0.1, "weight_decay": 0.0, "betas": [0.9, 0.99]}}, "without betas"),
        ({"accumulate": 5}, "accumulate at most batch_size"),
        ({"warmup_epochs": 2}, "warmup_epochs below epochs"),
        ({"ema": 1.0}, "less than 1"),
    ],
)
def test_contradiction_in_a_recipe_is_named(change: dict[str, Any], rule: str) -> None:
    with pytest.raises(ParamsError, match=rule):
        recipe(**change)


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_shipped_recipe_trains_two_steps(path: Path, tmp_path: Path) -> None:
    shipped = load(Recipe, path)
    of = shipped.model_copy(update={"epochs": 2, "warmup_epochs": min(shipped.warmup_epochs, 1)})
    batch = of.batch_size
    outcome = train(tmp_path, of, clips=batch)
    assert len(outcome.history) == 2
    assert all(torch.isfinite(value).all() for value in outcome.weights.values() if value.is_floating_point())


@pytest.mark.slow
def test_compiled_network_trains_alike(tmp_path: Path) -> None:
    plain, compiled = train(tmp_path / "plain", recipe()), train(tmp_path / "compiled", recipe(compile=True))
    assert plain.weights.keys() == compiled.weights.keys()
    assert close(plain, compiled)
