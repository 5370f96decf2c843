"""Speed of the training loop against a bare torch loop over the same network and clips.

    python bench/train.py [--clips 480] [--rounds 3] [--threads 2] [--workers 1]

The network and recipe of the demo (`gsf-resnet18-48`, `arrow`) on rendered clips of the built-in benchmark: one epoch
each, in turn, round by round; a case is the ratio of medians. Ours includes what a training does besides: the checks of
each step, its rates, and the state on disk after the epoch. Both read through the same number of loader processes and
compute by the same deterministic operators.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import nn, optim
from torch.nn import functional
from torch.utils.data import DataLoader

from bench.lib.record import case, write
from bench.lib.turns import median_seconds
from gsf.data import inventory, manifest
from gsf.data.clips import TrainingClips, ValidationClips, epoch_order
from gsf.data.inputs import flipped_labels, shard_paths, split_of
from gsf.data.lists import read_manifest
from gsf.data.preprocess import normalize
from gsf.data.videos import Split, Videos
from gsf.nn.model import VideoModel
from gsf.params.base import load
from gsf.params.model import Model
from gsf.params.recipe import Recipe
from gsf.project import Project
from gsf.store import extract
from gsf.train.checkpoint import build_model
from gsf.train.device import deterministic
from gsf.train.loop import Trainer
from gsf.train.observer import NoObserver
from gsf.train.processes import Processes
from gsf.train.running import Running
from gsf.video import render

ROOT, GOAL, CLASSES = Path(__file__).resolve().parents[1], 0.95, 12
CPU = torch.device("cpu")


def small_arrow(root: Path, *, clips: int) -> Project:
    """The built-in benchmark with so many training clips."""
    text = (ROOT / "params" / "benchmarks" / "arrow.yaml").read_text()
    for split, wanted in (("train", clips // CLASSES), ("val", 1), ("test", 1)):
        lines = [line if f"    {split}:" not in line else f"    {split}: {wanted}" for line in text.splitlines()]
        text = "\n".join(lines) + "\n"
    for name, content in (
        ("dvc.yaml", "stages: {}\n"),
        ("requirements.lock", ""),
        ("params/benchmarks/arrow.yaml", text),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    project = Project(root)
    render.run(project, "arrow")
    inventory.run(project, "arrow")
    for shard in ("00", "01", "02", "03"):
        extract.run(project, "arrow", shard)
    manifest.run(project, "arrow")
    return project


def bare(model: VideoModel, clips: TrainingClips, recipe: Recipe, *, workers: int) -> None:
    """One epoch, as one writes it down at first."""
    o = recipe.optimizer
    optimizer = optim.SGD(
        model.parameters(), lr=o.lr, momentum=o.momentum or 0.9, nesterov=o.nesterov, weight_decay=o.weight_decay
    )
    loader = DataLoader(
        clips,
        batch_size=recipe.batch_size,
        sampler=epoch_order(len(clips), seed=0, epoch=0),
        num_workers=workers,
    )
    model.train()
    total = 0.0
    for pixels, labels, _ in loader:
        loss = functional.cross_entropy(model(normalize(pixels, model.preprocessing)), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm or 1e9)
        optimizer.step()
        total += loss.item()


def ours(
    model: VideoModel, clips: TrainingClips, none: ValidationClips, recipe: Recipe, *, workers: int, state: Path
) -> None:
    """One epoch of the training loop."""
    state.unlink(missing_ok=True)
    Trainer(
        model,
        recipe,
        train=clips,
        val=none,
        video_ids=[""] * len(clips),
        seed=0,
        key="bench",
        state_path=state,
        device=CPU,
        running=Running(workers=workers),
        processes=Processes(),
        observer=NoObserver(),
    ).run()


def main() -> None:
    """Measure one epoch of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=480, help="of an epoch, a multiple of 12; the demo has 480")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    wanted = load(Model, ROOT / "params" / "models" / "gsf-resnet18-48.yaml")
    recipe = load(Recipe, ROOT / "params" / "recipes" / "arrow.yaml")
    recipe = recipe.model_copy(update={"epochs": 1, "warmup_epochs": 0.0})
    with tempfile.TemporaryDirectory() as folder, deterministic(threads=options.threads):
        project = small_arrow(Path(folder), clips=options.clips)
        lists = read_manifest(project, "arrow")
        shards = shard_paths(project, "arrow", lists)
        size = {"num_segments": wanted.num_segments, "size": wanted.input_size}
        clips = TrainingClips(
            Videos(split_of(lists, "train"), shards),
            **size,
            augment=recipe.augment,
            flipped_labels=flipped_labels(lists),
            seed=0,
        )
        none = ValidationClips(Videos(Split([], [], [], []), shards), **size, short_side=wanted.short_side)
        torch.manual_seed(0)
        one, two = (build_model(wanted, num_classes=CLASSES) for _ in range(2))
        state = Path(folder) / "state" / "state.safetensors"
        by_hand, by_us = median_seconds(
            [
                partial(bare, one, clips, recipe, workers=options.workers),
                partial(ours, two, clips, none, recipe, workers=options.workers, state=state),
            ],
            options.rounds,
        )
    write(
        "train",
        [
            case(
                f"{wanted.name}, recipe arrow, an epoch of {options.clips} clips, {options.threads} threads,"
                f" {options.workers} workers: the loop against a bare one",
                "training throughput",
                options.clips / by_us,
                "clips/s",
                baseline=options.clips / by_hand,
                ratio=by_hand / by_us,
                goal=GOAL,
            )
        ],
    )


if __name__ == "__main__":
    main()
