"""A video network of a few parameters, clips that need no disk, and a training of them."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch._dynamo  # the first step of an optimizer imports it, which takes longer than the training
from safetensors.torch import save_file
from torch import nn

from gsf.nn import GSF
from gsf.nn.backbones import Trunk
from gsf.nn.model import VideoModel
from gsf.nn.preprocessing import Preprocessing
from gsf.params.augment import Augment
from gsf.params.base import validate
from gsf.params.recipe import Recipe
from gsf.train.loop import Outcome, Trainer
from gsf.train.observer import NoObserver
from gsf.train.processes import Processes, processes
from gsf.train.running import Running

FRAMES, CLASSES, SIDE = 2, 3, 8


class Clips:
    """Noise whose brightness tells its class; by sample, or by (epoch, sample)."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.augment = Augment()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, position: int | tuple[int, int]) -> tuple[torch.Tensor, int, int]:
        epoch, index = position if isinstance(position, tuple) else (0, position)
        label = index % CLASSES
        noise = torch.Generator().manual_seed(1000 * epoch + index)
        clip = torch.randint(0, 100 + 50 * label, (FRAMES, 3, SIDE, SIDE), generator=noise, dtype=torch.uint8)
        return clip, label, index


def network(*, dropout: float = 0.0, seed: int = 0) -> VideoModel:
    torch.manual_seed(seed)
    block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), GSF(8, FRAMES), nn.BatchNorm2d(8), nn.ReLU())
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, bias=False), nn.BatchNorm2d(8), block, nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    wants = Preprocessing(SIDE, SIDE, mean=(0.5,) * 3, std=(0.5,) * 3, colour_order="rgb", scale=255.0)
    return VideoModel(Trunk(net, 8, wants), CLASSES, FRAMES, dropout=dropout)


def recipe(**changes: Any) -> Recipe:
    values: dict[str, Any] = {
        "name": "toy",
        "epochs": 2,
        "batch_size": 4,
        "optimizer": {"name": "sgd", "lr": 0.05, "weight_decay": 0.0005},
        "warmup_epochs": 0,
        "augment": Augment(scales=[1.0]).model_dump(),
    }
    return validate(Recipe, values | changes, where="toy")


def train(
    folder: Path,
    of: Recipe,
    *,
    clips: int = 10,
    val: int = 5,
    model: VideoModel | None = None,
    running: Running | None = None,
    group: Processes | None = None,
    **changes: Any,
) -> Outcome:
    """Train the toy network."""
    options: dict[str, Any] = {
        "train": Clips(clips),
        "val": Clips(val),
        "video_ids": [f"{index}.mp4" for index in range(clips)],
        "seed": 0,
        "key": "toy",
        "state_path": folder / "state.safetensors",
        "device": torch.device("cpu"),
        "running": running or Running(workers=0),
        "processes": group or Processes(),
        "observer": NoObserver(),
    }
    return Trainer(model or network(dropout=of.dropout or 0.0), of, **(options | changes)).run()


@dataclass(frozen=True)
class Job:
    """A training in a process of its own."""

    folder: Path
    recipe: Recipe
    save_steps: int = 1000
    clips: int = 10
    signal: tuple[int, int] | None = None  # it sends itself this signal in this step
    signal_in: Literal["step", "validation"] = "step"  # counted in steps, or in its batches of validation
    signal_rank: int | None = None  # only this process of several does; None: all
    bad_rank: int | None = None  # this process of several fails


def start(job: Job, *, rank: int = 0, count: int = 1, port: int = 0) -> Any:
    """Begin it, alone or as one of several. Processes are forked from one that has torch in memory: they start at once.

    The first one writes weights and history to `done.safetensors` and `history`; errors go to `error.RANK`.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    job.folder.mkdir(exist_ok=True)
    process = context.Process(target=_work, args=(job, rank, count, port))
    process.start()
    return process


def run(job: Job) -> int:
    """Its exit code, below zero the signal that killed it."""
    process = start(job)
    process.join()
    return int(process.exitcode)


def _work(job: Job, rank: int, count: int, port: int) -> None:
    from gsf.errors import GsfError, PreemptedError

    torch.set_num_threads(1)
    if count > 1:
        os.environ |= {
            "RANK": str(rank),
            "WORLD_SIZE": str(count),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
    if job.signal and job.signal_rank in (None, rank):
        (_signal_after if job.signal_in == "step" else _signal_in_validation)(*job.signal)
    try:
        with processes("cpu") as group:
            _train(job, group)
    except PreemptedError:
        sys.exit(PreemptedError.EXIT_CODE)
    except GsfError as error:
        (job.folder / f"error.{rank}").write_text(str(error))
        sys.exit(1)


def _train(job: Job, group: Processes) -> None:
    running = Running(workers=0, save_steps=job.save_steps)
    prepare = spoiled if job.bad_rank == group.rank else None
    outcome = train(job.folder, job.recipe, clips=job.clips, running=running, group=group, prepare=prepare)
    if group.first:
        weights = {name: value.contiguous() for name, value in outcome.weights.items()}
        save_file(weights, job.folder / "done.safetensors")
        (job.folder / "history").write_text(json.dumps([_told(row) for row in outcome.history]))
    group.wait()


def spoiled(clips: torch.Tensor, labels: torch.Tensor, **_: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A hook after which no loss is finite."""
    return clips.float() * float("nan"), labels


def _told(row: dict[str, float]) -> dict[str, float]:
    """Without what a clock says."""
    return {name: row[name] for name in ("epoch", "lr", "train_loss", "train_top1", "val_loss", "val_top1")}


def _signal_after(number: int, steps: int) -> None:
    """Send a signal to this process in the middle of a step."""
    from gsf.train.step import Stepper

    done, update = 0, Stepper._update

    def counted(self: Stepper, lr: float) -> None:
        nonlocal done
        update(self, lr)
        done += 1
        if done == steps:
            os.kill(os.getpid(), number)

    Stepper._update = counted  # type: ignore[method-assign]


def _signal_in_validation(number: int, batches: int) -> None:
    """Send a signal to this process while it computes a batch of validation videos."""
    from gsf.train import validation

    done, normalize = 0, validation.normalize

    def counted(*args: Any) -> torch.Tensor:
        nonlocal done
        done += 1
        if done == batches:
            os.kill(os.getpid(), number)
        return normalize(*args)

    validation.normalize = counted
