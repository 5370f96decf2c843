"""What becomes of the jobs when the head process ends before them."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from tests.pipeline.tiny import ToyClone
from tests.slurm.head import SNAKEMAKE, TRAINING, completes, ends_well, misbehaved, running, said, start, state
from tests.slurm.node import Node, wait_for

pytestmark = pytest.mark.slurm


def orphan(node: Node, clone: ToyClone, what: str) -> str:
    """The number of a training that runs on after its head process was killed."""
    head = start(clone, TOY_ONCE=f"{what} {TRAINING}")
    wait_for(lambda: misbehaved(clone), seconds=300, what="the training to start")
    head.send_signal(signal.SIGKILL)
    head.wait()
    (job,) = running(node, "train")()  # Slurm does not know that nobody waits for it
    return job


def test_a_killed_head_process_can_be_started_again_once_its_jobs_are_cancelled(node: Node, clone: ToyClone) -> None:
    node.run("scancel", orphan(node, clone, "hang"))
    clone.run(*SNAKEMAKE, "--unlock")
    ends_well(start(clone), clone)
    completes(clone)


@pytest.mark.parametrize("earlier", [False, True])
def test_what_ends_after_its_head_process_was_killed_is_repeated_in_place_of_an_earlier_result_alone(
    node: Node, finished: ToyClone, tmp_path: Path, earlier: bool
) -> None:
    clone = finished.copied(tmp_path / "clone")
    if earlier:
        clone.edit("params/models/gsf-tiny.yaml", "dropout: 0.0", "dropout: 0.5")
    else:
        shutil.rmtree(clone.root / "runs/tiny/train/gsf-s0")
    job = orphan(node, clone, "wait")
    (clone.root / "go-on").touch()
    wait_for(lambda: state(node, job) == "COMPLETED", seconds=300, what="the training to end by itself")
    assert clone.ran() == [TRAINING]
    clone.run(*SNAKEMAKE, "--unlock")
    ends_well(start(clone), clone)
    assert clone.ran() == ([TRAINING] if earlier else [])
    completes(clone, done=[TRAINING])


@pytest.mark.parametrize(("number", "cancels"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_a_head_process_that_is_told_to_stop(node: Node, clone: ToyClone, number: int, cancels: bool) -> None:
    """Interrupted, it cancels its jobs; told to terminate, it waits for those that run and submits no others."""
    head = start(clone, "all", TOY_ONCE=f"wait {TRAINING}")
    wait_for(lambda: misbehaved(clone), seconds=300, what="the training to start")
    (job,) = running(node, "train")()
    head.send_signal(number)
    if not cancels:
        stops = "Will exit after finishing currently running jobs"
        wait_for(lambda: stops in said(clone), seconds=300, what="the head process to say so")
        assert running(node, "train")() == [job]
        (clone.root / "go-on").touch()
    head.wait(900)
    ends = "CANCELLED" if cancels else "COMPLETED"
    wait_for(lambda: state(node, job) == ends, seconds=300, what=f"the training to be {ends}")
    assert clone.ran() == ([] if cancels else [TRAINING])
    completes(clone, done=[] if cancels else [TRAINING])
