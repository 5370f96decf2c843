"""What becomes of the jobs when the head process ends before them."""

from __future__ import annotations

import signal

import pytest

from tests.pipeline.tiny import ToyClone
from tests.slurm.head import SNAKEMAKE, TRAINING, completes, ends_well, misbehaved, running, start, state
from tests.slurm.node import Node, wait_for

pytestmark = pytest.mark.slurm


def test_a_killed_head_process_can_be_started_again(node: Node, clone: ToyClone) -> None:
    head = start(clone, TOY_ONCE=f"hang {TRAINING}")
    wait_for(lambda: misbehaved(clone), seconds=120, what="the training to start")
    head.send_signal(signal.SIGKILL)
    head.wait()
    orphans = running(node, "train")()
    assert orphans  # Slurm does not know that nobody waits for them
    for job in orphans:
        node.run("scancel", job)
    clone.run(*SNAKEMAKE, "--unlock")
    ends_well(start(clone), clone)
    completes(clone)


@pytest.mark.parametrize(("number", "cancels"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_a_head_process_that_is_told_to_stop(node: Node, clone: ToyClone, number: int, cancels: bool) -> None:
    """Interrupted, it cancels its jobs; told to terminate, it waits for those that run and submits no others."""
    head = start(clone, "all", TOY_ONCE=f"wait {TRAINING}")
    wait_for(lambda: misbehaved(clone), seconds=120, what="the training to start")
    (job,) = running(node, "train")()
    head.send_signal(number)
    if not cancels:
        said = "Will exit after finishing currently running jobs"
        wait_for(lambda: said in (clone.root / "head.log").read_text(), seconds=60, what="the head process to say so")
        assert running(node, "train")() == [job]
        (clone.root / "go-on").touch()
    head.wait(300)
    wait_for(lambda: not running(node, "train")(), seconds=60, what="the training to end")
    assert state(node, job) == ("CANCELLED" if cancels else "COMPLETED")
    assert clone.ran() == ([] if cancels else [TRAINING])
    completes(clone, done=[] if cancels else [TRAINING])
