"""The train stage: a manifest, a model and a recipe in, a checkpoint with its receipt out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from gsf.data.clips import TrainingClips, ValidationClips
from gsf.data.inputs import data_inputs, flipped_labels, shard_paths, split_of
from gsf.data.lists import read_manifest
from gsf.data.loader import TOOLS as LOADER_TOOLS
from gsf.data.videos import Videos
from gsf.errors import PreemptedError, TrainError
from gsf.nn.model import DOWNLOADED
from gsf.params.base import load
from gsf.params.flat import flatten
from gsf.params.model import Model
from gsf.params.recipe import Recipe
from gsf.project import Project
from gsf.provenance.code import code_digests
from gsf.provenance.environment import package_versions
from gsf.provenance.hashing import canonical_json, sha256_bytes, write_atomically
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Input, Receipt, StageResult, hash_cache, read_receipt, root_input, seal
from gsf.tables import write_table
from gsf.train.checkpoint import CheckpointInfo, build_model, write_checkpoint
from gsf.train.device import choose_device, deterministic, device_name
from gsf.train.loop import Outcome, Trainer
from gsf.train.observer import NoObserver, Observer
from gsf.train.precision import choose_precision
from gsf.train.processes import Processes, processes
from gsf.train.running import Running, running_here

ENTRY = "gsf.train.stage"
TOOLS = (*LOADER_TOOLS, "torchvision", "safetensors")
CURVE_COLUMNS = ("epoch", "lr", "train_loss", "train_top1", "val_loss", "val_top1")


@dataclass(frozen=True)
class Asked:
    """What the train stage is asked for: the names of a run and of its parameter files."""

    benchmark: str
    study: str
    run: str
    model: str
    recipe: str
    seed: int
    threads: int  # CPU threads of each process; sums depend on it

    @property
    def command(self) -> list[str]:
        """The command line of the stage, as receipts hold it."""
        command = ["gsf", "train", self.benchmark, "--study", self.study, "--run", self.run, "--model", self.model]
        return [*command, "--recipe", self.recipe, "--seed", str(self.seed), "--threads", str(self.threads)]


def run(
    project: Project,
    *,
    benchmark: str,
    study: str,
    run: str,
    model: str,
    recipe: str,
    seed: int,
    threads: int,
    running: Running | None = None,
    device: str = "auto",
    observer: Observer | None = None,
) -> Receipt:
    """Train one run of a study and seal its receipt.

    Goes on where an interrupted training of the same inputs stopped. Started as several processes, all of them train,
    and the first one tells the observer, writes and seals.
    """
    asked = Asked(benchmark, study, run, model, recipe, seed, threads)
    with processes(device) as group:
        target = choose_device(group.device(device))
        watched = observer if observer is not None and group.first else NoObserver()
        result = _run(project, asked, running=running or running_here(), device=target, group=group, observer=watched)
        if result is not None:
            seal(project, result, project.train_receipt(study, run))
            watched.end("finished")
        group.wait()
    return read_receipt(project.train_receipt(study, run))


def _run(
    project: Project, asked: Asked, *, running: Running, device: torch.device, group: Processes, observer: Observer
) -> StageResult | None:
    """Train and write the outputs; what is to be sealed, None in all processes but the first."""
    model_file, recipe_file = project.params_file("models", asked.model), project.params_file("recipes", asked.recipe)
    model, recipe = load(Model, model_file), load(Recipe, recipe_file)
    if recipe.dropout is not None:
        model = model.model_copy(update={"dropout": recipe.dropout})
    inputs = data_inputs(project, asked.benchmark)
    weights_file, weights_input = _pretrained(project, model)
    inputs += weights_input
    used = params_used(project, model_file) | params_used(project, recipe_file)
    key = _training_key(inputs, used, asked, device=device, count=group.count)
    observer.start(
        {
            "benchmark": asked.benchmark,
            **flatten("model", model.model_dump()),
            **flatten("recipe", recipe.model_dump()),
            "seed": asked.seed,
            "threads": asked.threads,
            "processes": group.count,
        },
        {
            "gsf.study": asked.study,
            "gsf.run": asked.run,
            "gsf.training": f"{asked.study}/{asked.run}",
            "gsf.training_key": key,
        },
    )
    try:
        with deterministic(threads=asked.threads):
            outcome, info = _train(
                project,
                asked,
                model,
                recipe,
                weights_file=weights_file,
                key=key,
                device=device,
                running=running,
                group=group,
                observer=observer,
            )
        if not group.first:
            return None
        clips = _num_clips(project, asked.benchmark)
        _write_outputs(project, asked.study, asked.run, outcome, info, clips=clips)
    except PreemptedError:
        raise  # it goes on: neither finished nor failed
    except BaseException:
        observer.end("failed")
        raise
    return StageResult(
        stage=f"train@{asked.study}-{asked.run}",
        command=asked.command,
        params=used,
        inputs=inputs,
        outputs=[
            project.checkpoint(asked.study, asked.run),
            project.curves(asked.study, asked.run),
            project.training_summary(asked.study, asked.run),
        ],
        entry=ENTRY,
        tools=TOOLS,
        seed=asked.seed,
        facts={
            "device": device_name(device),
            "precision": choose_precision(recipe, device),
            "processes": group.count,
            "threads": asked.threads,
            "training": key,
        },
    )


def _train(
    project: Project,
    asked: Asked,
    model: Model,
    recipe: Recipe,
    *,
    weights_file: str | Path | None,
    key: str,
    device: torch.device,
    running: Running,
    group: Processes,
    observer: Observer,
) -> tuple[Outcome, CheckpointInfo]:
    manifest = read_manifest(project, asked.benchmark)
    shards = shard_paths(project, asked.benchmark, manifest)
    train, val = split_of(manifest, "train"), split_of(manifest, "val")
    if recipe.select == "best" and not len(val):
        raise TrainError(
            f"recipe {recipe.name}: select is best, must be last: {asked.benchmark} has no validation videos"
        )
    torch.manual_seed(asked.seed)
    network = build_model(model, num_classes=len(manifest.classes), pretrained=weights_file)
    trainer = Trainer(
        network,
        recipe,
        train=TrainingClips(
            Videos(train, shards),
            num_segments=model.num_segments,
            size=model.input_size,
            augment=recipe.augment,
            flipped_labels=flipped_labels(manifest),
            seed=asked.seed,
        ),
        val=ValidationClips(
            Videos(val, shards),
            num_segments=model.num_segments,
            short_side=model.short_side,
            size=model.input_size,
            short_videos=recipe.augment.short_videos,
        ),
        video_ids=train.ids,
        seed=asked.seed,
        key=key,
        state_path=project.work("train", asked.study, asked.run, "state.safetensors"),
        device=device,
        running=running,
        processes=group,
        observer=observer,
        title=f"train {asked.run}",
    )
    outcome = trainer.run()
    classes = list(manifest.classes)
    return outcome, CheckpointInfo(model=model, classes=classes, epoch=outcome.kept_epoch, seed=asked.seed)


def _write_outputs(
    project: Project, study: str, run: str, outcome: Outcome, info: CheckpointInfo, *, clips: int
) -> None:
    write_checkpoint(project.checkpoint(study, run), outcome.weights, info)
    rows = [[_cell(epoch.get(name)) for name in CURVE_COLUMNS] for epoch in outcome.history]
    write_table(project.curves(study, run), CURVE_COLUMNS, rows)
    last = outcome.history[-1]
    summary = {
        "epochs": len(outcome.history),
        "best_epoch": outcome.best_epoch,
        "kept_epoch": outcome.kept_epoch,
        "val_top1": _number(outcome.history[outcome.kept_epoch - 1].get("val_top1")),
        "train_loss": last["train_loss"],
        "clips": clips,
    }
    write_atomically(project.training_summary(study, run), canonical_json(summary))


def _training_key(
    inputs: list[Input], used: dict[str, object], asked: Asked, *, device: torch.device, count: int
) -> str:
    """A digest of all that determines a training's result: an unfinished one goes on only under the same key."""
    return sha256_bytes(
        canonical_json(
            {
                "inputs": [[item.path, item.sha256] for item in inputs],
                "params": used,
                "seed": asked.seed,
                "threads": asked.threads,
                "processes": count,
                "device": device_name(device),
                "code": code_digests(ENTRY),
                "tools": package_versions(TOOLS),
            }
        )
    )


def _pretrained(project: Project, model: Model) -> tuple[str | Path | None, list[Input]]:
    """What `create_model` takes as pretrained weights, and the file behind it as an input of the stage."""
    if model.pretrained is None or model.pretrained in DOWNLOADED:
        return model.pretrained, []
    path = Path(model.pretrained)
    path = path if path.is_absolute() else project.root / path
    if not path.is_file():
        raise TrainError(
            f"model {model.name}: pretrained is {model.pretrained}, must be {' or '.join(DOWNLOADED)} or a file"
        )
    if path.resolve().is_relative_to(project.root.resolve()):
        return path, [root_input(project, path)]
    return path, [Input(path=f"weights/{path.name}", sha256=hash_cache(project).sha256(path), receipt=None)]


def _num_clips(project: Project, benchmark: str) -> int:
    return len(split_of(read_manifest(project, benchmark), "train"))


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _cell(value: float | None) -> str:
    number = _number(value)
    return "" if number is None else repr(number)
