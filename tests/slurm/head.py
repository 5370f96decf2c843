"""Snakemake's head process on a Slurm of the tests, in a clone with toy stages, and what its jobs come to."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

from gsf.pipeline.record import record
from tests.pipeline.tiny import Clone, ToyClone
from tests.slurm.node import Node

# The shipped profile, with what this cluster has not (accounting) and what a test need not wait for.
HERE = ("--slurm-status-command", "squeue", "--slurm-no-account", "--slurm-init-seconds-before-status-checks", "1")
SNAKEMAKE = (sys.executable, "-m", "snakemake", "--profile", "workflow/profiles/slurm", *HERE, "--latency-wait", "5")
TRAINING = "train@tiny-gsf-s0"
AFTER_IT = ["evaluate@tiny-gsf-s0-2x1x1", "evaluate@tiny-gsf-s0-2x2x1", "report", TRAINING]
CHECKPOINT = "runs/tiny/train/gsf-s0/checkpoint.safetensors"
CLEAN = "Data and pipelines are up to date"


HEADS: list[subprocess.Popen[bytes]] = []  # all that were started


def completes(clone: ToyClone, *, done: Sequence[str] = ()) -> None:
    """Nothing is run twice, also in what a local run adds to the training on Slurm; and DVC's state is right."""
    clone.snakemake()
    assert clone.ran() == [name for name in AFTER_IT if name not in done]
    record(clone.project)
    assert CLEAN in clone.dvc("status")
    assert "Nothing to be done" in clone.snakemake("-n")


def start(clone: Clone, *arguments: str, **extra: str) -> subprocess.Popen[bytes]:
    """The head process of the training, or of what the arguments say, left running."""
    command = [*SNAKEMAKE, *(arguments or [CHECKPOINT])]
    with (clone.root / "head.log").open("ab") as log:
        head = subprocess.Popen(
            command,
            cwd=clone.root,
            env=clone.environment(**extra),
            stdout=log,
            stderr=log,
            preexec_fn=lambda: signal.signal(
                signal.SIGINT, signal.SIG_DFL
            ),  # ignored where the tests are in background
        )
    HEADS.append(head)
    return head


def end_heads() -> None:
    """Kill the head processes that a failed test left."""
    for head in HEADS:
        head.kill()
        head.wait()
    HEADS.clear()


def ends_well(head: subprocess.Popen[bytes], clone: Clone) -> None:
    assert head.wait(900) == 0, said(clone)[-4000:]  # looks at jobs come every 10 s later


def said(clone: Clone) -> str:
    """What the head processes of a clone have said."""
    return (clone.root / "head.log").read_text()


def running(node: Node, rule: str) -> Callable[[], list[str]]:
    """What finds the ids of the running jobs of a rule."""
    return lambda: [job["id"] for job in node.jobs(states="running") if job["name"].startswith(f"rule_{rule}_")]


def jobs_so_far(node: Node) -> set[str]:
    """The ids of the jobs that a cluster knows, of other tests too."""
    return {job["id"] for job in node.jobs()}


def attempts(node: Node, rule: str, *, since: set[str]) -> list[dict[str, str]]:
    """The jobs of a rule but for those that were there before, in the order in which they were submitted."""
    found = [job for job in node.jobs() if job["name"].startswith(f"rule_{rule}_") and job["id"] not in since]
    return sorted(found, key=lambda job: [int(number) for number in job["id"].split("_")])


def memory(node: Node, job: str) -> str:
    """What a job asks for, as Slurm writes it."""
    found = re.search(r"MinMemoryNode=(\S+)", node.run("scontrol", "show", "job", job))
    assert found, f"job {job} says nothing of its memory"
    return found[1]


def state(node: Node, job: str) -> str:
    return next(found["state"] for found in node.jobs() if found["id"] == job)


def misbehaved(clone: ToyClone) -> bool:
    return (clone.root / "misbehaved").exists()
