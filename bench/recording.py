"""What `gsf record` costs after Snakemake, against one `dvc commit` a stage and against one of all stages.

    python bench/recording.py            # five minutes on a quiet machine
    python bench/recording.py --small    # a try: a minute; writes no result

Stages are those of tests/pipeline/toy_gsf.py: real names, parameters, code lists and receipts, and outputs that cost
nothing. The report is left out, as after a run in which something failed: what is finished is recorded, and DVC's own
`dvc commit` takes one stage or all. All ways start from the same folder, and must leave the same dvc.lock. One commit a
stage is only tried with 16 shards and 8 trainings: its cost grows with the square of the stages. Seconds are of CPU,
which another load of the machine hardly changes, and of the recording alone, in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.graph import Project as Study
from bench.lib.record import case, line, write
from gsf.pipeline import graph
from gsf.project import Project
from tests.pipeline import toy_gsf

LEFT_OUT = "report"
GOAL = 60.0  # seconds, as of every command that people wait for
TIMED = """
import time
from pathlib import Path
from gsf.pipeline import dvc_repo, graph, record
from gsf.project import Project
project = Project(Path.cwd())
names = [stage.name for stage in graph.load(project).topological() if stage.name != "report"]
began = time.process_time()
with dvc_repo.opened(project, purpose="commit") as repo:
    {statement}
print("seconds", time.process_time() - began)
"""
OURS = "record.commit(project, names)"
EACH = "[repo.commit(target=name, force=True) for name in names]"
ALL = "repo.commit(force=True)"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--small", action="store_true", help="a try with few stages; writes no result")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder unless given")
    args = parser.parse_args()
    sizes = [(4, 2), (8, 4)] if args.small else [(16, 8), (64, 30)]
    cases: list[dict[str, Any]] = []
    for shards, runs in sizes:
        with tempfile.TemporaryDirectory(dir=args.folder, prefix="recording-") as folder:
            root = finished(Path(folder) / "made", shards=shards, runs=runs)
            cases += measured(root, shards=shards, runs=runs, each=(shards, runs) == sizes[0])
    if args.small:
        for row in cases:
            print(line("recording", row))
    else:
        write("recording", cases)


def measured(root: Path, *, shards: int, runs: int, each: bool) -> list[dict[str, Any]]:
    """The cases of one study that DVC does not know yet; `each`: with one commit a stage."""
    cases = []
    name = f"{shards} shards, {runs} trainings: {len(graph.load(Project(root)).stages) - 1} stages"
    copy = copied(root)
    ours = seconds(copy, OURS)
    lock = (copy / "dvc.lock").read_bytes()
    if each:
        other = copied(root)
        one_by_one = seconds(other, EACH)
        assert (other / "dvc.lock").read_bytes() == lock, "dvc.lock differs between the two ways"
        cases.append(case(f"{name}, none recorded", "seconds of CPU, against one commit a stage", ours, "s",
                          baseline=one_by_one, ratio=one_by_one / ours))  # fmt: skip
    cases.append(case(f"{name}, none recorded", "seconds of CPU, against the goal", ours, "s", baseline=GOAL,
                      ratio=GOAL / ours, goal=1.0))  # fmt: skip
    with chdir(copy):  # the report as well, so that DVC has something to commit for every stage
        stage = next(stage for stage in graph.load(Project(copy)).stages if stage.name == LEFT_OUT)
        assert toy_gsf.main(shlex.split(stage.cmd)[1:]) == 0
    again, everything = seconds(copy, OURS), seconds(copy, ALL)
    cases.append(case(f"{name}, all recorded", "seconds of CPU, against dvc commit of all", again, "s",
                      baseline=everything, ratio=everything / again))  # fmt: skip
    return cases


def finished(root: Path, *, shards: int, runs: int) -> Path:
    """A study whose stages were all run, the report excepted, and of which DVC knows nothing."""
    study = Study(root, ["ssv2"], shards=shards, runs=runs)
    study.run("gsf", "study", "big")
    study.run("gsf", "scan", "ssv2")
    with chdir(root):
        for stage in graph.load(Project(root)).topological():
            if stage.group not in ("scan", LEFT_OUT):
                assert toy_gsf.main(shlex.split(stage.cmd)[1:]) == 0, stage.name
    return root


def copied(made: Path) -> Path:
    root = Path(tempfile.mkdtemp(dir=made.parent)) / "copy"
    shutil.copytree(made, root, symlinks=True)
    return root


def seconds(root: Path, statement: str) -> float:
    """Seconds of CPU that a statement takes in a project."""
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(statement=statement)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "DVC_NO_ANALYTICS": "1", "GSF_MLFLOW": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{statement} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    spent = float(done.stdout.split()[-1])
    print(f"  {statement}: {spent:.1f} s of CPU", flush=True)
    return spent


if __name__ == "__main__":
    main()
