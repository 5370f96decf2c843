"""Clones of the project in which the pipeline runs small: with toy stages, or for real on a few rendered videos."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Self

from gsf.pipeline import study
from gsf.project import Project

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("gsf", "params", "workflow", "profiles")
FILES = ("Snakefile", "dvc.yaml", ".dvcignore", ".gitignore", "requirements.lock")

BENCHMARK = """\
name: {name}
videos: {videos}
annotations: data/{name}/annotations.csv
shards: 2
on_missing: stop
on_unreadable: stop
{render}extract: {{short_side: 32, jpeg_quality: 5, max_seconds: 60, max_frames: 200, max_pixels: 100000}}
labels:
  flip: swap
  flip_pairs: [[left, right], [turn_clockwise, turn_counterclockwise]]
  reversal_pairs: [[left, right], [up, down]]
"""
RENDER = """\
render:
  seed: 5
  width: 48
  height: 36
  fps: 12
  min_frames: 8
  max_frames: 10
  clips_per_class: {train: 2, val: 1, test: 1}
"""
PUBLISHED = """\
published:
  format: ucf101
  files: ../published
  sha256: {{classInd.txt: "{digest}"}}
  split: 1
""".format(digest="0" * 64)
MODEL = """\
name: {name}
backbone: resnet18
temporal: {temporal}
num_segments: 2
input_size: 32
short_side: 32
dropout: 0.0
"""
RECIPE = """\
name: tiny
epochs: 1
batch_size: 8
optimizer: {name: sgd, lr: 0.01, weight_decay: 0.0001}
warmup_epochs: 0
augment: {scales: [1.0, 0.875]}
"""
PROTOCOL = "name: {frames}x{clips}x1\nframes: {frames}\nclips: {clips}\ncrops: 1\nbatch_size: 8\n"
STUDY = """\
study: tiny
threads: 1
seeds: [0]
protocols: [2x1x1, 2x2x1]
experiments:
  tsn: {benchmark: mini, model: tsn-tiny, recipe: tiny}
  gsf: {benchmark: mini, model: gsf-tiny, recipe: tiny}
"""
IMPORTED = """\
name: gsf-elsewhere
checkpoint: elsewhere/gsf.pth.tar
sha256: 0a00000000000000000000000000000000000000000000000000000000000000
backbone: resnet18
temporal: gsf
ratio: 0.25
num_segments: 2
input_size: 32
short_side: 32
"""


def write_params(root: Path) -> None:
    """A study `tiny` that takes seconds: one benchmark of two shards, two networks, two protocols."""
    files = {
        "benchmarks/mini": BENCHMARK.format(name="mini", videos="data/mini/videos", render=RENDER),
        "models/tsn-tiny": MODEL.format(name="tsn-tiny", temporal="none"),
        "models/gsf-tiny": MODEL.format(name="gsf-tiny", temporal="gsf"),
        "recipes/tiny": RECIPE,
        "protocols/2x1x1": PROTOCOL.format(frames=2, clips=1),
        "protocols/2x2x1": PROTOCOL.format(frames=2, clips=2),
        "studies/tiny": STUDY,
    }
    for name, text in files.items():
        path = root / "params" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class Clone:
    """A copy of the project's tracked files with git and DVC set up and the study `tiny` active."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True)
        for name in FOLDERS:
            if (ROOT / name).is_symlink():
                (root / name).symlink_to((ROOT / name).readlink())
                continue
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        for name in FILES:
            shutil.copy2(ROOT / name, root / name)
        (root / "bin").mkdir()
        self.project = Project(root)
        write_params(root)
        study.activate(self.project, "tiny")
        self.add_program("gsf", [sys.executable, "-m", "gsf.cli"])

    def start(self) -> Self:
        """Set up git and DVC once the files are as they should be."""
        self.run("git", "init", "-q", ".")
        shutil.copytree(ROOT / ".dvc", self.root / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache", "*.local"))
        self.commit("start")
        return self

    def cloned(self, root: Path) -> Clone:
        """A `git clone` of this one: what git has, so nothing of `data/` and `runs/`."""
        self.run("git", "clone", "-q", str(self.root), str(root))
        other = Clone.__new__(Clone)
        other.root, other.project = root, Project(root)
        return other

    def copied(self, root: Path) -> Self:
        """A copy with all that is here, also what git ignores."""
        shutil.copytree(self.root, root, symlinks=True)
        other = type(self).__new__(type(self))
        other.root, other.project = root, Project(root)
        return other

    def commit(self, message: str) -> None:
        """Give git all that it does not ignore."""
        self.run("git", "add", "--all")
        self.run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", message)

    def add_program(self, name: str, command: list[str]) -> None:
        """Put a program in front of the PATH."""
        script = self.root / "bin" / name
        script.write_text("#!/bin/sh\nexec " + " ".join(f"'{part}'" for part in command) + ' "$@"\n', encoding="utf-8")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)

    def environment(self, **extra: str) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "SNAKEMAKE_"))}
        path = [str(self.root / "bin"), str(Path(sys.executable).parent), environment.get("PATH", "")]
        home = self.root / ".work" / "home"
        home.mkdir(parents=True, exist_ok=True)
        settings = {"PATH": os.pathsep.join(path), "PYTHONPATH": str(self.root), "XDG_CACHE_HOME": str(home)}
        quiet = {"DVC_NO_ANALYTICS": "1", "GSF_MLFLOW": "off", "GSF_WORKERS": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        return {**environment, **settings, **quiet, **extra}

    def run(self, *command: str, fails: bool = False, **extra: str) -> str:
        """Run a program in the clone; its output, both streams. It must succeed, or fail where told."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(**extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=3600,  # a job that never leaves a queue fails a test, and does not hold up all others for ever
        )
        assert (done.returncode != 0) == fails, f"{command}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def dvc(self, *arguments: str, fails: bool = False, **extra: str) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments, fails=fails, **extra)

    def snakemake(self, *arguments: str, fails: bool = False, **extra: str) -> str:
        return self.run(sys.executable, "-m", "snakemake", "--cores", "2", *arguments, fails=fails, **extra)

    def receipts(self) -> dict[str, bytes]:
        """Every receipt in the clone by its path."""
        found = [p for top in ("data", "runs", "results") for p in (self.root / top).rglob("*receipt.json")]
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in sorted(found)}

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")


class ToyClone(Clone):
    """A clone whose program `gsf` is the toy, with one code file a stage group instead of the real ones."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        shutil.rmtree(root / "gsf")
        (root / "gsf").mkdir()
        path = root / "dvc.yaml"
        kept: list[str] = []
        inside = False
        for line in path.read_text(encoding="utf-8").splitlines():
            if "# code: " in line:
                inside = True
                group = line.split("# code: ")[1].strip().replace(".", "_")
                (root / "gsf" / f"{group}.py").write_text("VERSION = 1\n", encoding="utf-8")
                kept.append(line.split("#")[0] + f"- gsf/{group}.py")
            elif "# end of code" in line:
                inside = False
            elif not inside:
                kept.append(line)
        path.write_text("\n".join(kept) + "\n", encoding="utf-8")
        self.add_program("gsf", [sys.executable, str(ROOT / "tests" / "pipeline" / "toy_gsf.py")])

    def environment(self, **extra: str) -> dict[str, str]:
        return super().environment(**{"PYTHONPATH": str(ROOT), **extra})

    def ran(self) -> list[str]:
        """The stages that ran since the last time this was asked, sorted."""
        log = self.root / "ran.txt"
        names = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return sorted(names)
