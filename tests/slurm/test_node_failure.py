"""A node fails while a training runs on it: Slurm queues the job again, and nothing else is needed."""

from __future__ import annotations

import pytest

from tests.pipeline.tiny import ToyClone
from tests.slurm.head import TRAINING, ends_well, misbehaved, running, start
from tests.slurm.node import Node, wait_for
from tests.slurm.training import finishes, queued_again

pytestmark = pytest.mark.slurm


def test_a_training_whose_node_fails_runs_again_as_the_same_job_once_there_is_a_node(
    node: Node, clone: ToyClone
) -> None:
    head = start(clone, TOY_ONCE=f"hang {TRAINING}")
    wait_for(lambda: misbehaved(clone), seconds=300, what="the training to start")
    (job,) = running(node, "train")()
    node.lose()
    wait_for(lambda: [known["state"] for known in node.jobs()] == ["PENDING"], seconds=300, what="the job to wait")
    assert clone.ran() == []
    node.boot()
    queued_again(node, job)
    ends_well(head, clone)
    finishes(node, job, restarts=1)
    assert [known["id"] for known in node.jobs()] == [job]  # Snakemake submitted no other
    assert clone.ran() == [TRAINING]
