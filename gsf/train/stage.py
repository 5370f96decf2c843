"""The train stage: a manifest, a model and a recipe in, a checkpoint with its receipt out."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from gsf.data.clips import TrainingClips, ValidationClips
from gsf.data.inputs import data_inputs, flipped_labels, shard_paths, split_of
from gsf.data.lists import read_manifest
from gsf.data.loader import TOOLS as LOADER_TOOLS
from gsf.data.loader import workers as loader_processes
from gsf.data.videos import Videos
from gsf.errors import TrainError
from gsf.nn.model import DOWNLOADED
from gsf.params.base import load
from gsf.params.flat import flatten
from gsf.params.model import Model
from gsf.params.recipe import Recipe
from gsf.project import Project
from gsf.provenance.code import code_digests
from gsf.provenance.hashing import canonical_json, sha256_bytes, write_atomically
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Input, Receipt, StageResult, hash_cache, root_input, seal
from gsf.tables import write_table
from gsf.train.checkpoint import CheckpointInfo, build_model, write_checkpoint
from gsf.train.device import choose_device, deterministic, device_name
from gsf.train.loop import Outcome, Trainer, choose_precision
from gsf.train.observer import NoObserver, Observer

ENTRY = "gsf.train.stage"
CURVE_COLUMNS = ("epoch", "lr", "train_loss", "train_top1", "val_loss", "val_top1")


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
    workers: int | None = None,
    device: str = "auto",
    observer: Observer | None = None,
) -> Receipt:
    """Train one run of a study and seal its receipt.

    Goes on where an interrupted training of the same inputs stopped.
    """
    model_file, recipe_file = project.params_file("models", model), project.params_file("recipes", recipe)
    model_params, recipe_params = load(Model, model_file), load(Recipe, recipe_file)
    observer = observer or NoObserver()
    target = choose_device(device)
    inputs = data_inputs(project, benchmark)
    weights_file, weights_input = _pretrained(project, model_params)
    inputs += weights_input
    used = params_used(project, model_file) | params_used(project, recipe_file)
    key = _training_key(inputs, used, seed=seed, threads=threads, device=target)
    observer.start(
        {
            "benchmark": benchmark,
            **flatten("model", model_params.model_dump()),
            **flatten("recipe", recipe_params.model_dump()),
            "seed": seed,
            "threads": threads,
        },
        {"gsf.study": study, "gsf.run": run, "gsf.training": f"{study}/{run}", "gsf.training_key": key},
    )
    try:
        with deterministic(threads=threads):
            outcome, info = _train(
                project,
                benchmark,
                model_params,
                recipe_params,
                weights_file=weights_file,
                seed=seed,
                key=key,
                state_path=project.work("train", study, run, "state.safetensors"),
                device=target,
                workers=loader_processes(workers),
                observer=observer,
                title=f"train {run}",
            )
        _write_outputs(project, study, run, outcome, info, clips=_num_clips(project, benchmark))
    except BaseException:
        observer.end("failed")
        raise
    command = ["gsf", "train", benchmark, "--study", study, "--run", run, "--model", model]
    command += ["--recipe", recipe, "--seed", str(seed), "--threads", str(threads)]
    receipt = seal(
        project,
        StageResult(
            stage=f"train@{study}-{run}",
            command=command,
            params=used,
            inputs=inputs,
            outputs=[
                project.checkpoint(study, run),
                project.curves(study, run),
                project.training_summary(study, run),
            ],
            entry=ENTRY,
            tools=[*LOADER_TOOLS, "torchvision", "safetensors"],
            seed=seed,
            facts={
                "device": device_name(target),
                "precision": choose_precision(recipe_params, target),
                "threads": threads,
                "training": key,
            },
        ),
        project.train_receipt(study, run),
    )
    observer.end("finished")
    return receipt


def _train(
    project: Project,
    benchmark: str,
    model: Model,
    recipe: Recipe,
    *,
    weights_file: str | Path | None,
    seed: int,
    key: str,
    state_path: Path,
    device: torch.device,
    workers: int,
    observer: Observer,
    title: str,
) -> tuple[Outcome, CheckpointInfo]:
    manifest = read_manifest(project, benchmark)
    shards = shard_paths(project, benchmark, manifest)
    train = split_of(manifest, "train")
    torch.manual_seed(seed)
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
            seed=seed,
        ),
        val=ValidationClips(
            Videos(split_of(manifest, "val"), shards),
            num_segments=model.num_segments,
            short_side=model.short_side,
            size=model.input_size,
            short_videos=recipe.augment.short_videos,
        ),
        video_ids=train.ids,
        seed=seed,
        key=key,
        state_path=state_path,
        device=device,
        workers=workers,
        observer=observer,
        title=title,
    )
    if recipe.select == "best" and not len(split_of(manifest, "val")):
        raise TrainError(f"recipe {recipe.name}: select is best, must be last: {benchmark} has no validation videos")
    if recipe.augment.mixing is not None or recipe.augment.on != "cpu":
        raise TrainError(f"recipe {recipe.name}: augment has mixing or on: device, must not: the loop applies neither")
    outcome = trainer.run()
    classes = list(manifest.classes)
    return outcome, CheckpointInfo(model=model, classes=classes, epoch=outcome.kept_epoch, seed=seed)


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
    inputs: list[Input], used: dict[str, object], *, seed: int, threads: int, device: torch.device
) -> str:
    """A digest of all that determines a training's result: an unfinished one goes on only under the same key."""
    return sha256_bytes(
        canonical_json(
            {
                "inputs": [[item.path, item.sha256] for item in inputs],
                "params": used,
                "seed": seed,
                "threads": threads,
                "device": device_name(device),
                "code": code_digests(ENTRY),
                "torch": torch.__version__,
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
