"""Whatever ends a training, started again it comes to the same bytes as one that nothing ended."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from gsf.errors import PreemptedError, TrainError
from gsf.params.recipe import Recipe
from gsf.train.running import Running
from gsf.train.state import Progress, StateFile
from gsf.train.step import Stepper
from tests.train.toy import Job, network, recipe, run, train

# Everything that a state has to hold: both momenta of AdamW, averaged and best weights, parts, dropout.
FULL = recipe(
    epochs=3,
    optimizer={"name": "adamw", "lr": 0.01, "weight_decay": 0.05, "decay": "weights"},
    ema=0.9,
    accumulate=2,
    dropout=0.5,
    select="best",
)
STEPS = 9  # three an epoch


def child(folder: Path, *, save_steps: int = 2, send: tuple[int, int] | None = None) -> int:
    """Train in a process of its own, which gets a signal in a step; its exit code."""
    return run(Job(folder, FULL, save_steps=save_steps, signal=send))


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("straight")
    assert child(folder) == 0
    return folder


def assert_same(folder: Path, straight: Path) -> None:
    for name in ("done.safetensors", "history"):
        assert (folder / name).read_bytes() == (straight / name).read_bytes()


@pytest.mark.parametrize("steps", [1, 3, 6])
def test_killed_in_any_step_it_ends_in_the_same_bytes(steps: int, straight: Path, tmp_path: Path) -> None:
    """Before the first state, at an epoch's end, and behind a state in the middle of an epoch."""
    assert child(tmp_path, send=(signal.SIGKILL, steps)) == -signal.SIGKILL
    assert not (tmp_path / "done.safetensors").exists()
    assert child(tmp_path) == 0
    assert_same(tmp_path, straight)


def test_killed_again_and_again_it_still_ends_in_the_same_bytes(straight: Path, tmp_path: Path) -> None:
    for _ in range(3):
        assert child(tmp_path, save_steps=1, send=(signal.SIGKILL, 3)) == -signal.SIGKILL
    assert child(tmp_path) == 0
    assert_same(tmp_path, straight)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_asked_to_make_room_it_saves_that_very_step(number: int, straight: Path, tmp_path: Path) -> None:
    assert child(tmp_path, save_steps=1000, send=(number, 5)) == PreemptedError.EXIT_CODE
    progress, _, notes = StateFile(tmp_path / "state.safetensors", key="toy").read()
    assert (progress.epochs_done, progress.steps_done, notes) == (1, 2, [])
    assert child(tmp_path) == 0
    assert_same(tmp_path, straight)


class EndedError(Exception):
    """As a kill would: nothing is cleaned up."""


def train_steps(steps: int, folder: Path, of: Recipe, **options: Any) -> None:
    """Train in this process and end after so many steps, as a kill would."""
    with pytest.MonkeyPatch.context() as patch:
        end_after(steps, patch)
        with pytest.raises(EndedError):
            train(folder, of, running=Running(workers=0, save_steps=1), **options)


def end_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    done, step = 0, Stepper.run

    def counted(self: Stepper, *args: Any, **options: Any) -> Any:
        nonlocal done
        if done == steps:
            raise EndedError
        done += 1
        return step(self, *args, **options)

    monkeypatch.setattr(Stepper, "run", counted)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": {"name": "sgd", "lr": 0.05, "nesterov": True, "weight_decay": 0.0}, "channels_last": True},
        {"frozen_norms": "all_but_first", "schedule_per": "epoch", "warmup_epochs": 1},
        {"checkpoint_activations": True, "dropout": 0.5, "precision": "bfloat16"},
        {"validate_every": 2, "select": "best", "ema": 0.99},
    ],
)
def test_recipe_ends_in_the_same_bytes_from_the_middle_of_an_epoch(changes: dict[str, Any], tmp_path: Path) -> None:
    of = recipe(**changes)
    expected = train(tmp_path / "straight", of)
    for steps in (1, 4):
        train_steps(steps, tmp_path / str(steps), of)
        again = train(tmp_path / str(steps), of)
        assert all(torch.equal(value, again.weights[name]) for name, value in expected.weights.items())
        assert [row["train_loss"] for row in again.history] == [row["train_loss"] for row in expected.history]


def saved(folder: Path, count: int) -> StateFile:
    """A folder with `count` states after each other."""
    file = StateFile(folder / "state.safetensors", key="toy")
    for number in range(count):
        file.write(Progress(key="toy", steps_done=number + 1), {"w": torch.full((100,), float(number))})
    return file


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "gone"])
def test_damaged_state_gives_way_to_the_one_before_and_says_so(damage: str, tmp_path: Path) -> None:
    file, path = saved(tmp_path, 3), tmp_path / "state.safetensors"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes({"cut": data[:-9], "flipped": data, "empty": b"", "gone": b""}[damage])
    if damage == "gone":  # a crash between two renames
        path.unlink()
    progress, tensors, notes = file.read()
    assert progress.steps_done == 2
    assert tensors["w"][0] == 1
    assert len(notes) == (0 if damage == "gone" else 1)
    assert all("state.safetensors: is damaged" in note for note in notes)


def test_state_takes_two_files_and_one_at_the_end(tmp_path: Path) -> None:
    file = saved(tmp_path, 5)
    (tmp_path / "state.writing.safetensors").write_bytes(b"left by a kill")
    file.write(Progress(key="toy"), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.previous.safetensors", "state.safetensors"]
    file.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["state.safetensors"]


def test_state_of_another_training_is_not_gone_on_from(tmp_path: Path) -> None:
    saved(tmp_path, 2)
    progress, tensors, notes = StateFile(tmp_path / "state.safetensors", key="changed").read()
    assert (progress, tensors, notes) == (Progress(key="changed"), {}, [])


def test_resumed_training_tells_its_past_once(tmp_path: Path) -> None:
    told: list[int] = []

    class Listener:
        def start(self, params: Mapping[str, Any], tags: Mapping[str, str]) -> None: ...

        def end(self, status: str) -> None: ...

        def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
            told.append(epoch)
            assert metrics["clips_per_second"] > 0

    of = recipe(epochs=3)
    train_steps(4, tmp_path, of, observer=Listener())
    assert told == [1]
    train(tmp_path, of, observer=Listener())
    assert told == [1, 1, 2, 3]


def test_loss_that_is_not_finite_names_the_videos(tmp_path: Path) -> None:
    model = network()
    with torch.no_grad():
        model.classifier.bias.fill_(float("nan"))
    with pytest.raises(TrainError, match=r"step 0: the loss is not finite.*skip_nonfinite.*\d\.mp4"):
        train(tmp_path, recipe(), model=model)


def broken_in_step(wanted: int) -> Any:
    """A hook that spoils the clips of one step: the third piece, if a step is one piece."""
    calls = 0

    def spoil(clips: torch.Tensor, labels: torch.Tensor, **_: int) -> tuple[torch.Tensor, torch.Tensor]:
        nonlocal calls
        calls += 1
        return (clips.float() * float("nan") if calls == wanted else clips), labels

    return spoil


def test_step_left_out_changes_nothing_but_the_count(tmp_path: Path) -> None:
    """The last step of the training is left out: weights and statistics are those before it."""
    of = recipe(epochs=1, skip_nonfinite=1)
    skipped = train(tmp_path / "skipped", of, prepare=broken_in_step(3), val=0)
    train_steps(2, tmp_path / "short", of, val=0)
    progress, tensors, _ = StateFile(tmp_path / "short" / "state.safetensors", key="toy").read()
    assert progress.steps_done == 2
    assert all(torch.equal(value, tensors[f"model.{name}"]) for name, value in skipped.weights.items())
    with pytest.raises(TrainError, match="not finite"):
        train(tmp_path / "again", of.model_copy(update={"skip_nonfinite": 0}), prepare=broken_in_step(3))
