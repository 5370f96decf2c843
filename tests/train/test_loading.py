"""What a training reads, and what it says when nothing comes or nothing fits."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from gsf.data.inputs import split_of
from gsf.data.lists import read_manifest
from gsf.data.videos import Videos
from gsf.errors import ParamsError, TrainError
from gsf.project import Project
from gsf.train.loading import batches
from gsf.train.running import Running, running_here
from gsf.train.stage import run
from gsf.train.step import Stepper
from tests.train.toy import recipe, train

CPU = torch.device("cpu")


class Slow(Dataset[torch.Tensor]):
    def __getitem__(self, index: int) -> torch.Tensor:
        time.sleep(60 * index)
        return torch.zeros(1)


class Killed(Dataset[torch.Tensor]):
    def __getitem__(self, index: int) -> torch.Tensor:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)
        return torch.zeros(1)


def test_loader_that_stands_still_is_named_as_such() -> None:
    stream = batches(DataLoader(Slow(), sampler=[0, 1], num_workers=1, timeout=5), stalled_seconds=5)
    next(stream)
    with pytest.raises(TrainError, match="no batch for 5 seconds, must within that: the disk"):
        next(stream)


def test_loader_process_that_was_killed_is_named_as_such() -> None:
    with pytest.raises(TrainError, match=r"a loader process died.*GSF_WORKERS"):
        next(batches(DataLoader(Killed(), sampler=[0], num_workers=1), stalled_seconds=1))


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")])
def test_memory_that_does_not_suffice_is_answered_in_numbers(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Stepper, *args: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(Stepper, "run", fail)
    with pytest.raises(TrainError, match=r"4 clips of 2 x 8 x 8 px.*accumulate: 2 \(parts of 2 clips.*checkpoint_act"):
        train(tmp_path, recipe())


def test_training_never_reads_the_test_split(
    small_project: Callable[[], Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, read, frames_of = small_project(), set(), Videos.frames_of

    def noted(self: Videos, index: int) -> Any:
        read.add(self.split.ids[index])
        return frames_of(self, index)

    monkeypatch.setattr(Videos, "frames_of", noted)
    run(
        project,
        benchmark="arrow",
        study="s",
        run="tsn-s0",
        model="tsn",
        recipe="quick",
        seed=0,
        threads=1,
        running=Running(workers=0),
        device="cpu",
    )
    manifest = read_manifest(project, "arrow")
    assert read == {*split_of(manifest, "train").ids, *split_of(manifest, "val").ids}
    assert not read & {*split_of(manifest, "test").ids}


@pytest.mark.parametrize("given", ["soon", "0", "-3", "inf", "nan"])
def test_minutes_between_saves_must_be_a_number_above_zero(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("GSF_SAVE_MINUTES", given)
    with pytest.raises(ParamsError, match=f"GSF_SAVE_MINUTES is '{given}', must be minutes above 0"):
        running_here()
    monkeypatch.setenv("GSF_SAVE_MINUTES", "2.5")
    assert running_here().save_minutes == 2.5
