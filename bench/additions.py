"""What each runner starts, and how long it takes, when 100 videos are added to a benchmark of 400 in 32 shards.

    python bench/additions.py            # some minutes
    python bench/additions.py --small    # a try: 12 videos to 40 in 4 shards; writes no result

The videos are short real clips. A copy of the project runs from the folder of videos to the manifest, then gets the new
ones, and runs again: once as `gsf init` adds them, with a shard of their own, and once without the file of additions,
so that a hash spreads them over the shards. Extractions and seconds of the first are compared with those of the second.
Seconds are those of the runner's whole call, start included.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.lib.big import make_clips
from bench.lib.record import case, line, write

ROOT = Path(__file__).resolve().parents[1]
Runner = Literal["snakemake", "dvc"]
MANIFEST = "data/big/manifest.csv"
STUDY = """\
study: big
threads: 1
seeds: [0]
protocols: [8x1x1]
experiments:
  tsn: {benchmark: big, model: tsn-mobilenetv2-112, recipe: finetune}
"""


@dataclass(frozen=True)
class Ran:
    """One call of a runner."""

    extractions: int
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--small", action="store_true", help="a try with few videos; writes no result")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder unless given")
    args = parser.parse_args()
    videos, new, shards = (40, 12, 4) if args.small else (400, 100, 32)
    cases: list[dict[str, Any]] = []
    for runner in ("snakemake", "dvc"):
        with tempfile.TemporaryDirectory(dir=args.folder, prefix="additions-") as folder:
            cases += measured(Path(folder), runner, videos=videos, new=new, shards=shards)
    if args.small:
        for row in cases:
            print(line("additions", row))
    else:
        write("additions", cases)


def measured(folder: Path, runner: Runner, *, videos: int, new: int, shards: int) -> list[dict[str, Any]]:
    """The cases of one runner."""
    first = folder / "own"
    make_project(first, videos=videos, shards=shards)
    everything = run(first, runner)
    assert everything.extractions == shards, f"{everything.extractions} extractions of {shards} shards"
    settle(first, runner)
    add(first, new)
    hashed = folder / "hashed"
    shutil.copytree(first, hashed, symlinks=True)  # copies keep their times
    forget_additions(hashed)
    if runner == "dvc":
        call(hashed, sys.executable, "-m", "dvc", "status")  # the copy has new inodes: hash it before it counts
    spread, own = run(hashed, runner), run(first, runner)
    name = f"{runner}: add {new} videos to {videos} in {shards} shards"
    return [
        case(name, "extractions started, against videos in hashed shards", own.extractions, "jobs",
             baseline=spread.extractions, ratio=spread.extractions / own.extractions),
        case(name, "seconds, against videos in hashed shards", own.seconds, "s", baseline=spread.seconds,
             ratio=spread.seconds / own.seconds),
        case(name, "seconds an added video, against the first run", own.seconds / new, "s",
             baseline=everything.seconds / videos, ratio=everything.seconds / videos / (own.seconds / new)),
    ]  # fmt: skip


def make_project(root: Path, *, videos: int, shards: int) -> None:
    """A copy of the project with a benchmark of real clips, a study of it, git and DVC."""
    from gsf.data.init.own import init_benchmark
    from gsf.pipeline import study
    from gsf.project import Project

    root.mkdir()
    for name in ("gsf", "params", "workflow", "profiles"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "dvc.yaml", ".dvcignore", ".gitignore", "requirements.lock"):
        shutil.copy2(ROOT / name, root / name)
    shutil.copytree(ROOT / ".dvc", root / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache", "*.local"))
    make_clips(root, [f"class{number % 8}/{number:05d}.mp4" for number in range(videos)])
    init_benchmark(Project(root), "big", root / "videos", shards=shards, short_side=64)
    (root / "params/studies/big.yaml").write_text(STUDY)
    study.activate(Project(root), "big")
    (root / "bin").mkdir()
    program = root / "bin" / "gsf"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gsf.cli "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    call(root, "git", "init", "-q", ".")


def add(root: Path, new: int) -> None:
    """More clips, and `gsf init` called again."""
    from gsf.data.init.own import init_benchmark
    from gsf.pipeline import study
    from gsf.project import Project

    make_clips(root, [f"class{number % 8}/new{number:05d}.mp4" for number in range(new)])
    init_benchmark(Project(root), "big", root / "videos")
    study.renew(Project(root), "big")


def forget_additions(root: Path) -> None:
    """Leave the new videos to the hash that spreads them over the shards."""
    from gsf.pipeline import study
    from gsf.project import Project

    file = root / "params/benchmarks/big.yaml"
    file.write_text(re.sub(r"(?m)^additions:.*\n", "", file.read_text()))
    (root / "params/benchmarks/big.additions.csv").unlink()
    study.renew(Project(root), "big")


def settle(root: Path, runner: Runner) -> None:
    """Tell the other runner, as people do."""
    call(root, "gsf", "record" if runner == "snakemake" else "sync")


def run(root: Path, runner: Runner) -> Ran:
    """Everything up to the manifest that is not up to date."""
    began = time.perf_counter()
    if runner == "snakemake":
        cores = str(len(os.sched_getaffinity(0)))
        text = call(root, sys.executable, "-m", "snakemake", "--cores", cores, MANIFEST)
        started = re.findall(r"(?m)^(?:local)?rule extract:", text)
    else:
        text = call(root, sys.executable, "-m", "dvc", "repro", "manifest@big")
        started = re.findall(r"Running stage 'extract@big-", text)
    return Ran(len(started), time.perf_counter() - began)


def call(root: Path, *command: str) -> str:
    """A program in the project; what it said."""
    path = os.pathsep.join([str(root / "bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    settings = {"PATH": path, "PYTHONPATH": str(root), "DVC_NO_ANALYTICS": "1", "GSF_MLFLOW": "off"}
    done = subprocess.run(
        command, cwd=root, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed in {root}:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
