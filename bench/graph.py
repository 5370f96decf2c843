"""What the two runners cost on graphs of the largest benchmarks: seconds, before anything is run and when all is done.

    python bench/graph.py            # one published benchmark: some five minutes
    python bench/graph.py --all      # then four others, whose graphs are alike, and all five in one study: an hour
    python bench/graph.py --small    # a try: a minute; writes no result
    python bench/graph.py --profile  # where the time goes; writes no result

A study here is one benchmark in 64 shards with 30 trainings, each evaluated once. Nothing is trained: outputs are
placeholders of a few bytes, which is what a runner sees of unchanged outputs (size and time). A benchmark has one
video: what listing the folder of all of them adds, bench/scale.py measures. Wall time decides; the seconds of CPU,
which another load of the machine hardly changes, stand beside it. Each command is timed once, in a process of its own,
as users run it. What was measured of other studies stays in the results.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.lib.record import case, write

ROOT = Path(__file__).resolve().parents[1]
GOAL = 60.0  # seconds, of each command
FORMATS = {"ssv1": "", "ssv2": "", "k400": "", "diving48": "", "epic100": "  target: action\n"}
PUBLISHED_AS = {"k400": "kinetics400"}
OF_PICTURES = {"ssv1"}  # published as folders of JPEG files
BENCHMARK = """\
name: {name}
videos: videos/{name}
source: {source}
annotations: data/{name}/annotated/annotations.csv
published:
  format: {format}
  files: published
  sha256: {{lists.csv: "{zeros}"}}
{options}shards: {shards}
on_missing: exclude
on_unreadable: stop
extract: {{{stored}max_seconds: 600, max_frames: 100000, max_pixels: 40000000}}
labels: {{flip: free}}
"""
COPIED = ("gsf", "params", "workflow", "profiles", "Snakefile", "dvc.yaml", ".dvcignore", ".gitignore", ".dvc/config")
COPIED += (".dvc/.gitignore", "requirements.lock")


@dataclass(frozen=True)
class Spent:
    """Of one command with all that it started."""

    seconds: float
    cpu: float  # seconds of CPU
    said: str


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--small", action="store_true", help="a try with few stages; writes no result")
    parser.add_argument("--all", action="store_true", help="five benchmarks, and all of them in one study")
    parser.add_argument("--profile", action="store_true", help="where the time goes; writes no result")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder unless given")
    args = parser.parse_args()
    shards, runs = (4, 2) if args.small else (64, 30)
    groups: list[list[str]] = [["ssv2"]]
    if args.all:
        groups += [[name] for name in FORMATS if name != "ssv2"] + [list(FORMATS)]
    with tempfile.TemporaryDirectory(dir=args.folder, prefix="graph-") as folder:
        cases = []
        for names in groups:
            project = Project(Path(folder) / "-".join(names), names, shards=shards, runs=runs)
            cases += project.measured(profiled=args.profile)
            shutil.rmtree(project.root)
            if not args.small and not args.profile:
                write("graph", cases, group=study_of)  # what is measured stands, should a later one be stopped


def study_of(row: dict[str, Any]) -> str:
    """The benchmarks of a case; how many stages they are changes with the code."""
    return str(row["case"]).partition(":")[0]


class Project:
    """A copy of this project whose active study is on some benchmarks."""

    def __init__(self, root: Path, benchmarks: list[str], *, shards: int, runs: int) -> None:
        self.root, self.benchmarks = root, benchmarks
        for name in COPIED:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            source = ROOT / name
            if source.is_dir() and not source.is_symlink():
                shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, root / name, follow_symlinks=False)
        for name in benchmarks:
            format = PUBLISHED_AS.get(name, name)
            pictures = name in OF_PICTURES
            text = BENCHMARK.format(
                name=name,
                source="jpeg_folders" if pictures else "videos",
                format=format,
                options=FORMATS[name],
                shards=shards,
                stored="" if pictures else "short_side: 256, jpeg_quality: 3, ",
                zeros="0" * 64,
            )
            (root / f"params/benchmarks/{name}.yaml").write_text(text)
            self.put(f"videos/{name}/a/00001.jpg" if pictures else f"videos/{name}/a.mp4")
        self.put("published/lists.csv")
        rows = [
            f"  gsf-{name}-{i:02d}: {{benchmark: {name}, model: gsf-resnet50-224, recipe: paper-last}}\n"
            for name in benchmarks
            for i in range(runs)
        ]
        text = "study: big\nthreads: 4\nseeds: [0]\nprotocols: [8x1x1]\nexperiments:\n" + "".join(rows)
        (root / "params/studies/big.yaml").write_text(text)
        (root / "bin").mkdir()
        program = root / "bin/gsf"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m gsf.cli "$@"\n')
        program.chmod(0o755)
        self.run("git", "init", "-q")

    def measured(self, *, profiled: bool) -> list[dict[str, Any]]:
        """The cases of this study: its size, and each command before and after everything is done."""
        study = self.run("gsf", "study", "big")
        first = self.run("snakemake", "-n", "--quiet")  # asks DVC for the graph
        again = self.run("snakemake", "-n", "--quiet")
        self.run("gsf", "scan", *self.benchmarks[:1])
        stages, edges = self.size()
        name = f"{' + '.join(self.benchmarks)}: {stages:,} stages, {edges:,} edges"
        print(name, flush=True)
        self.pretend_done()
        committed = self.run("dvc", "commit", "-f")
        status = self.run("dvc", "status", profiled=profiled)
        repro = self.run("dvc", "repro")
        scan = f"scan@{self.benchmarks[0]}"  # it always runs: the lock is written anew
        one = self.run("dvc", "repro", "-s", scan, profiled=profiled)
        assert "up to date" in repro.said or "didn't change" in repro.said, repro.said[-2000:]
        synced = self.run("gsf", "sync")
        done = self.run("snakemake", "-n", profiled=profiled)
        assert "Nothing to be done" in done.said, done.said[-2000:]
        spent = {
            "gsf study": study,
            "snakemake -n, nothing done, first time": first,
            "snakemake -n, nothing done": again,
            "snakemake -n, all done": done,
            "dvc status, all done": status,
            "dvc repro, all done": repro,
            "dvc repro of one stage": one,
        }
        cases = [judged(name, command, took) for command, took in spent.items()]
        # Once after a run on another runner, and in proportion to the outputs: no goal.
        for command, took in {"dvc commit, all done": committed, "gsf sync, all done": synced}.items():
            cases.append(case(name, f"seconds of {command}", took.seconds, "s", baseline=took.cpu,
                              ratio=took.cpu / took.seconds))  # fmt: skip
        return cases

    def size(self) -> tuple[int, int]:
        """Stages and edges of the graph."""
        code = (
            "from gsf.pipeline import graph; from gsf.project import Project; g = graph.load(Project.here());"
            "print(len(g.stages), len(g.edges()))"
        )
        stages, edges = self.run(sys.executable, "-c", code).said.split()[-2:]
        return int(stages), int(edges)

    def pretend_done(self) -> None:
        """Outputs of every stage: a file each, a folder with a file."""
        import json

        graph = json.loads((self.root / ".work/graph.json").read_bytes())
        for name in self.benchmarks:
            self.run("gsf", "scan", name)
        for stage in graph["stages"]:
            for out in stage["outs"]:
                path = out["path"]
                if path.endswith("listing.csv"):
                    continue
                if not Path(path).suffix:
                    shards = [item["key"].rpartition("-")[2] for item in graph["stages"] if item["group"] == "extract"]
                    for shard in sorted(set(shards)) if path.endswith("/plan") else ["one"]:
                        self.put(f"{path}/{shard}.csv")
                        self.put(f"{path}/{shard}.receipt.json")
                else:
                    self.put(path)

    def put(self, name: str) -> None:
        """A file whose content is its name: DVC links files of the same content to one, with one time."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{{"name": "{name}"}}\n' if path.suffix == ".json" else f"{name}\n")

    def run(self, *command: str, profiled: bool = False) -> Spent:
        """A command in this project, which must succeed."""
        settings = {"PATH": f"{self.root}/bin{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        settings |= {"PYTHONPATH": str(self.root), "DVC_NO_ANALYTICS": "1", "GSF_MLFLOW": "off"}
        settings |= {"XDG_CACHE_HOME": str(self.root / ".work/home")}
        words = list(command)
        if profiled:
            words = [sys.executable, "-m", "cProfile", "-s", "cumulative", "-m", *command]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        done = subprocess.run(
            words, cwd=self.root, env=os.environ | settings, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = done.stdout + done.stderr
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{said[-3000:]}")
        if profiled:
            print(f"--- {' '.join(command)}")
            print("\n".join(done.stdout.splitlines()[:70]))
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"  {' '.join(command)[:60]}: {seconds:.1f} s, {cpu:.1f} s of CPU", flush=True)
        return Spent(seconds, cpu, said)


def judged(name: str, command: str, took: Spent) -> dict[str, Any]:
    row = case(name, f"seconds of {command}, against the goal", took.seconds, "s", baseline=GOAL,
               ratio=GOAL / took.seconds, goal=1.0)  # fmt: skip
    return {**row, "cpu_seconds": round(took.cpu, 2)}


if __name__ == "__main__":
    main()
