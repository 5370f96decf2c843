"""A project in which the documentation's commands can be tried: the demo and all its parameters, but small."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np

from gsf.evaluate import stage as evaluate
from gsf.pipeline.study import activate
from gsf.project import Project
from gsf.report import stage as report
from gsf.train import stage as train
from gsf.video.arrow import clip_frames
from gsf.video.ffmpeg import encode_h264
from tests.docs.pages import ROOT
from tests.proof.finished import commit, git, write_lock
from tests.small_project import BENCHMARK

STUDY = """\
study: demo
threads: 1
seeds: [0]
protocols: [8x1x1]
experiments:
  tsn: {benchmark: arrow, model: tsn-resnet18-48, recipe: arrow}
  gsf: {benchmark: arrow, model: gsf-resnet18-48, recipe: arrow}
"""


def shrink(root: Path) -> None:
    """The repository's parameter files in a folder, with one epoch, few clips, two networks and no weights to fetch."""
    params = root / "params"
    shutil.copytree(ROOT / "params", params, dirs_exist_ok=True)
    (params / "benchmarks/arrow.yaml").write_text(BENCHMARK, encoding="utf-8")
    (params / "studies/demo.yaml").write_text(STUDY, encoding="utf-8")
    for path in [*(params / "recipes").glob("*.yaml"), *(params / "models").glob("*.yaml")]:
        text = path.read_text(encoding="utf-8")
        for key, value in (("epochs", "1"), ("warmup_epochs", "0"), ("pretrained", "null")):
            text = re.sub(rf"^{key}: .*", f"{key}: {value}", text, flags=re.MULTILINE)
        path.write_text(text, encoding="utf-8")
    activate(Project(root), "demo")


def add_files(root: Path, home: Path, videos: Path) -> None:
    """What the commands name and a reader has: a clip, a long video, a home with a folder of class folders."""
    size = {"width": 48, "height": 36}
    shutil.copy(videos / "left" / "test_000.mp4", root / "clip.mp4")
    images = clip_frames("right", seed=(1,), frames=(60, 60), **size)
    pixels = (np.round(image * 255).astype(np.uint8).tobytes() for image in images)
    encode_h264(root / "match.mp4", pixels, fps=12, qp=20, **size)
    for label in ("left", "right"):
        shutil.copytree(videos / label, home / "videos" / label)


def make_demo(data: Project, root: Path) -> Project:
    """The demo, trained, evaluated, reported and committed, on the data of the small project."""
    shutil.copytree(data.root / "data", root / "data")
    shrink(root)
    for name in ("dvc.yaml", ".gitignore", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, root / name)
    shutil.copy(data.root / "requirements.lock", root)  # the one that the receipts of the data name
    project = Project(root)
    for run in ("tsn-s0", "gsf-s0"):
        which = _train(project, run, f"{run[:3]}-resnet18-48")
        evaluate.run(project, protocol="8x1x1", workers=0, **which)  # type: ignore[arg-type]
    report.run(project, "demo")
    shutil.copy(project.checkpoint("demo", "gsf-s0"), root / "net.safetensors")
    write_lock(project)
    git(project, "init", "--quiet")
    commit(project)
    _train(project, "gsf-causal-s0", "gsf-resnet18-48-causal")  # to follow streams; in no table
    return project


def copy_demo(demo: Project, root: Path) -> None:
    """A demo of one's own. Its weights and states are links: who writes one writes another file, and renames it."""

    def copy(source: str, target: str) -> None:
        (os.link if source.endswith(".safetensors") else shutil.copy2)(source, target)

    shutil.copytree(demo.root, root, symlinks=True, copy_function=copy)


def _train(project: Project, run: str, model: str) -> dict[str, object]:
    """One run, and the words that its evaluation takes, too."""
    which: dict[str, object] = {"benchmark": "arrow", "study": "demo", "run": run, "threads": 1, "device": "cpu"}
    train.run(project, model=model, recipe="arrow", seed=0, **which)  # type: ignore[arg-type]
    return which
