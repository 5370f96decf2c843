"""Several processes of a training on one node: what their job asks Slurm for, and what it comes to."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.pipeline.tiny import Clone
from tests.slurm.head import SNAKEMAKE, attempts, jobs_so_far
from tests.slurm.node import Node, require_slurm
from tests.slurm.training import RUN, STAGE, submit

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One with two GPUs."""
    require_slurm()
    with Node(tmp_path_factory.mktemp("gpus"), gpus=2) as cluster:
        yield cluster


def test_a_training_by_two_processes_asks_for_twice_as_much_of_one_node(node: Node, copy: Clone, alone: bytes) -> None:
    copy.edit("dvc.yaml", "mem_mb: 6000", "mem_mb: 1500")  # of each process
    before = jobs_so_far(node)
    copy.run(*SNAKEMAKE, f"{RUN}/checkpoint.safetensors")
    assert (copy.root / RUN / "receipt.json").read_bytes() == alone
    (job,) = attempts(node, "train", since=before)
    asked = node.run("scontrol", "show", "job", job["id"], "--oneliner", "--details")
    assert {"NumNodes=1", "NumTasks=1", "CPUs/Task=2", "NumCPUs=2", "MinMemoryNode=3000M"} <= set(asked.split())
    assert re.search(r" TresPerJob=(gres[:/])?gpu[:=]2 ", asked)


def test_torchrun_on_one_node_trains_the_same(node: Node, copy: Clone, alone: bytes) -> None:
    words = ("srun", "--ntasks-per-node=1", "--cpu-bind=none", "workflow/slurm/torchrun.sh", *STAGE.split())
    options = ("--wait", "--cpus-per-task=2", "--mem=4000")  # torchrun itself imports torch, too
    submit(copy, *words, nodes=1, options=options, GSF_PROCESSES="2", GSF_WORKERS="")
    assert (copy.root / RUN / "receipt.json").read_bytes() == alone
