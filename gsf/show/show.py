"""What a network gets to see: training clips as a recipe draws them, or the views of a protocol, as a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gsf.data.augment.clip import ClipTransform
from gsf.data.clips import EvaluationClips, TrainingClips
from gsf.data.inputs import flipped_labels, split_of, stored_shards
from gsf.data.lists import Manifest, read_manifest
from gsf.data.videos import Split, Videos
from gsf.errors import DataError, ParamsError
from gsf.params.base import load
from gsf.params.model import Model
from gsf.params.protocol import Protocol
from gsf.params.recipe import Recipe
from gsf.params.study import Plan
from gsf.project import Project
from gsf.show.mixed import find_mixes
from gsf.show.sheet import Strip, draw_sheet

SUFFIXES = (".png", ".jpg", ".webp")


@dataclass(frozen=True)
class Asked:
    """What a sheet is to show; None takes the active study's choice, or the first videos."""

    benchmark: str
    out: Path
    model: str | None = None
    recipe: str | None = None
    protocol: str | None = None  # shows views of test videos, instead of training clips
    videos: tuple[str, ...] = ()
    count: int = 6  # videos, where none are named
    epoch: int = 0
    seed: int = 0


def show(project: Project, asked: Asked) -> str:
    """Draw the sheet and write it to `asked.out`; what was drawn, in words.

    Raises:
        ParamsError: no model or recipe is named and the active study has none for the benchmark; an unknown ending.
        DataError: a video that the split does not hold.
    """
    if asked.out.suffix not in SUFFIXES:
        raise ParamsError(f"--out is {asked.out}, must end in {', '.join(SUFFIXES)}")
    manifest = read_manifest(project, asked.benchmark)
    model_name, recipe_name, devices = _chosen(project, asked)
    model = load(Model, project.params_file("models", model_name))
    split_name = "train" if asked.protocol is None else "test"
    split = split_of(manifest, split_name)
    rows = _rows(split, asked, where=f"{asked.benchmark}, split {split_name}")
    videos = Videos(split, stored_shards(project, asked.benchmark, manifest))
    if asked.protocol is None:
        recipe = load(Recipe, project.params_file("recipes", recipe_name))
        strips = _training(videos, manifest, model, recipe, rows, asked, devices)
        title = f"recipe {recipe_name}"
    else:
        protocol = load(Protocol, project.params_file("protocols", asked.protocol))
        strips, title = _views(videos, manifest, model, protocol, rows), f"protocol {asked.protocol}"
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    draw_sheet(strips).save(asked.out)
    return f"{asked.out}: {len(rows)} videos of {asked.benchmark}, {title}, model {model_name}"


def in_words(transform: ClipTransform) -> str:
    """What a clip goes through, in a line; the `repr` is exact."""
    said = [f"{op.name} {'-' if op.sign < 0 else ''}{op.level:.1f}" for op in transform.operations]
    box = transform.box
    said.append(f"box {box.width} x {box.height} at x {box.left}, y {box.top}")
    if transform.flip:
        said.append("mirrored")
    if transform.jitter is not None:
        factors = transform.jitter
        said.append(f"colours x {factors.brightness:.2f}, {factors.contrast:.2f}, {factors.saturation:.2f}")
    if transform.grayscale:
        said.append("grey")
    return "; ".join(said)


def _training(
    videos: Videos,
    manifest: Manifest,
    model: Model,
    recipe: Recipe,
    rows: Sequence[int],
    asked: Asked,
    devices: int,
) -> list[Strip]:
    split, names = videos.split, manifest.classes
    clips = TrainingClips(
        videos,
        num_segments=model.num_segments,
        size=model.input_size,
        augment=recipe.augment,
        flipped_labels=flipped_labels(manifest),
        seed=asked.seed,
    )
    mixes = find_mixes(
        recipe,
        rows,
        num_videos=len(split),
        size=model.input_size,
        seed=asked.seed,
        epoch=asked.epoch,
        devices=devices,
    )
    strips = []
    for row in rows:
        drawn, frames = clips.load((asked.epoch, row))
        label, shown = names[split.labels[row]], names[drawn.label]
        title = f"{split.ids[row]}: {label}, frames {_listed(drawn.frames)} of {split.frames[row]}"
        strips.append(Strip((title,), frames, drawn.transform.box))
        swapped = f" (mirrored, was {label})" if shown != label else ""
        words, clip = [in_words(drawn.transform)], drawn.transform(frames)
        if row in mixes:
            mix = mixes[row]
            other, other_label, _ = clips[asked.epoch, mix.partner]
            clip = mix(clip, other)
            words.append(mix.in_words(split.ids[mix.partner]))
            swapped = f" {mix.share:.2f}{swapped}, {names[other_label]} {1 - mix.share:.2f}"
        strips.append(Strip((f"trained as: {shown}{swapped}", *words), clip))
    return strips


def _views(videos: Videos, manifest: Manifest, model: Model, protocol: Protocol, rows: Sequence[int]) -> list[Strip]:
    clips = EvaluationClips(videos, protocol=protocol, short_side=model.short_side, size=model.input_size)
    strips = []
    for row in rows:
        views, label, _ = clips[row]
        for number, frames in enumerate(views):
            clip, crop = divmod(number, protocol.views)
            title = f"{videos.split.ids[row]}: {manifest.classes[label]}, {videos.split.frames[row]} frames"
            words = f"clip {clip + 1} of {protocol.clips}, crop {crop + 1} of {protocol.views}"
            words += ", mirrored" * (protocol.mirrored and crop >= protocol.views // 2)
            words += f": frames {_listed(clips.frames_of(row)[clip].tolist())}"
            strips.append(Strip((words,) if number else (title, words), frames))
    return strips


def _chosen(project: Project, asked: Asked) -> tuple[str, str, int]:
    """Model, recipe and devices: as asked for, on one device; else of the active study's last training."""
    if asked.model is not None and (asked.recipe is not None or asked.protocol is not None):
        return asked.model, asked.recipe or "", 1
    plan = load(Plan, project.plan_file)
    planned = [run for run in plan.experiments.values() if run.benchmark == asked.benchmark]
    if not planned:
        raise ParamsError(
            f"params/plan.yaml: study {plan.study} trains nothing on {asked.benchmark}, must where none are named;"
            " say --model and --recipe (or --model and --protocol)"
        )
    return asked.model or planned[-1].model, asked.recipe or planned[-1].recipe, plan.devices


def _rows(split: Split, asked: Asked, *, where: str) -> list[int]:
    """The videos: those that are named, else the first of each class and then more, `count` in all."""
    position = {video: row for row, video in enumerate(split.ids)}
    absent = [video for video in asked.videos if video not in position]
    if absent:
        raise DataError(f"{where}: holds no video {', '.join(absent)}, must be ids of the manifest: {_some(split.ids)}")
    if asked.videos:
        return [position[video] for video in asked.videos]
    first = list({label: row for row, label in reversed(list(enumerate(split.labels)))}.values())
    order = [*sorted(first), *(row for row in range(len(split)) if row not in set(first))]
    if not order:
        raise DataError(f"{where}: holds no video, must hold at least one to show")
    return order[: asked.count]


def _listed(frames: Sequence[int]) -> str:
    return " ".join(map(str, frames))


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:3]) + (", ..." if len(ids) > 3 else "")
