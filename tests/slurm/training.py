"""A training by two processes as a job of Slurm, and what it comes to on one machine."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from tests.pipeline.tiny import ROOT, Clone
from tests.slurm.head import state
from tests.slurm.node import Node, wait_for

RUN = "runs/tiny/train/gsf-s0"
STAGE = "gsf train mini --study tiny --run gsf-s0 --model gsf-tiny --recipe tiny --seed 0 --threads 1"
TRAIN = f"{STAGE} --devices 2"
SCRIPT = "workflow/slurm/train.sbatch"


def submit(clone: Clone, *command: str, nodes: int = 2, options: tuple[str, ...] = (), **extra: str) -> str:
    """The number of a job that runs a command by the shipped script."""
    asked = ("--parsable", f"--nodes={nodes}", "--mem=2000", *options, SCRIPT)
    return clone.run("sbatch", *asked, *command, **extra).strip()


def job_folder(folder: Path) -> Path:
    """A folder with the shipped script alone."""
    shutil.copytree(ROOT / "workflow/slurm", folder / "workflow/slurm")
    return folder


def sbatch(folder: Path, *words: str, options: tuple[str, ...] = ()) -> str:
    """The number of a job of the shipped script, whose command needs next to nothing."""
    command = ["sbatch", "--parsable", "--mem=100", *options, SCRIPT, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def queued_again(node: Node, job: str, *, seconds: float = 300) -> None:
    """Wait until a job that ran waits for its turn, and let that come at once: Slurm would let it wait two minutes."""
    wait_for(lambda: state(node, job) == "PENDING", seconds=seconds, what="the job to be queued again")
    time.sleep(5)  # a job that starts in the second in which it was queued again has no credential
    node.run("scontrol", "update", f"jobid={job}", "starttime=now")


def finishes(node: Node, job: str, *, restarts: int) -> None:
    """Wait until a job is over: it must have run so many times more."""
    wait_for(lambda: state(node, job) not in ("PENDING", "RUNNING", "COMPLETING"), seconds=900, what="the job to end")
    known = node.run("scontrol", "--oneliner", "show", "job", job).split()
    assert {"JobState=COMPLETED", f"Restarts={restarts}"} <= set(known), known
