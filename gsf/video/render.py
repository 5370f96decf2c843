"""The render stage: the built-in benchmark as real H.264 files, with annotations and a listing."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from gsf.errors import ParamsError
from gsf.machine import usable_cores
from gsf.params.base import load
from gsf.params.benchmark import Benchmark, Render
from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Receipt, StageResult, seal
from gsf.tables import write_table
from gsf.video.arrow import CLASSES, clip_frames
from gsf.video.ffmpeg import build_line, encode_h264

ENTRY = "gsf.video.render"
_QP = 20  # constant quantiser: every frame alike
Split = Literal["train", "val", "test"]
_SPLITS: tuple[Split, ...] = ("train", "val", "test")

Clip = tuple[str, Split, int]  # label, split, index


def run(project: Project, benchmark: str) -> Receipt:
    """Render all clips of the benchmark, in parallel, and seal the receipt."""
    params_file = project.params_file("benchmarks", benchmark)
    params = load(Benchmark, params_file)
    if params.render is None:
        raise ParamsError(f"params/benchmarks/{benchmark}.yaml: render is missing, must be given to render a benchmark")
    folder = project.data(benchmark) / "videos"
    _check(project, benchmark, params, folder)
    shutil.rmtree(folder, ignore_errors=True)
    for label in CLASSES:
        (folder / label).mkdir(parents=True)
    clips = list(_clips(params.render))
    rows = []
    with (
        ProcessPoolExecutor(usable_cores(), multiprocessing.get_context("spawn")) as pool,
        tqdm(total=len(clips), desc=benchmark, unit="video", mininterval=1) as bar,
    ):
        for row in pool.map(_Renderer(params.render, folder), clips, chunksize=8):
            rows.append(row)
            bar.update()
    annotations = project.data(benchmark) / "annotations.csv"
    write_table(annotations, ("path", "label", "split", "sha256"), [(p, label, s, h) for p, label, s, h, _ in rows])
    listing = sorted((path, size, "") for path, _, _, _, size in rows)
    write_table(project.listing(benchmark), ("path", "bytes", "mtime_ns"), listing)
    return seal(
        project,
        StageResult(
            stage=f"render@{benchmark}",
            command=["gsf", "render", benchmark],
            params=params_used(project, params_file, ["render"]),
            inputs=[],
            outputs=[annotations],
            entry=ENTRY,
            tools=["numpy"],
            programs={"ffmpeg": build_line()},
            seed=params.render.seed,
            facts={"videos": len(rows), "bytes": sum(size for *_, size in rows)},
        ),
        project.render_receipt(benchmark),
    )


def _check(project: Project, benchmark: str, params: Benchmark, folder: Path) -> None:
    """Rendering replaces the folder of videos: it must be the stage's own, never one with somebody's videos."""
    where = f"params/benchmarks/{benchmark}.yaml"
    own = {"videos": project.relative(folder), "annotations": project.relative(folder.with_name("annotations.csv"))}
    for key, wanted in own.items():
        if getattr(params, key) != wanted:
            raise ParamsError(
                f"{where}: {key} is {getattr(params, key)!r}, must be {wanted!r} where videos are rendered"
            )
    render = params.render
    if render is not None and render.min_frames > render.max_frames:
        raise ParamsError(
            f"{where}: render.min_frames is {render.min_frames}, must be at most max_frames ({render.max_frames})"
        )


def _clips(render: Render) -> Iterator[Clip]:
    for split in _SPLITS:
        for label in CLASSES:
            for index in range(render.clips_per_class.get(split, 0)):
                yield label, split, index


class _Renderer:
    """Draws and encodes one clip; a class, so that it can be sent to another process."""

    def __init__(self, render: Render, folder: Path) -> None:
        self._render, self._folder = render, folder

    def __call__(self, clip: Clip) -> tuple[str, str, str, str, int]:
        label, split, index = clip
        render = self._render
        images = clip_frames(
            label,
            seed=(render.seed, _SPLITS.index(split), CLASSES.index(label), index),
            width=render.width,
            height=render.height,
            frames=(render.min_frames, render.max_frames),
        )
        name = f"{label}/{split}_{index:03d}.mp4"
        path = self._folder / name
        pixels = (np.round(image * 255).astype(np.uint8).tobytes() for image in images)
        encode_h264(path, pixels, width=render.width, height=render.height, fps=render.fps, qp=_QP)
        return name, label, split, sha256_file(path), path.stat().st_size
