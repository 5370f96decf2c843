"""A training over two nodes of a real Slurm trains what as many processes on one machine train, and makes room."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gsf.pipeline.record import record
from gsf.provenance.hashing import sha256_file
from tests.pipeline.tiny import ROOT, Clone
from tests.slurm.head import SNAKEMAKE, attempts, ends_well, jobs_so_far, running, start, state
from tests.slurm.node import GPU, Node, require_slurm, wait_for
from tests.slurm.training import RUN, STAGE, TRAIN, finishes, job_folder, queued_again, sbatch, submit

pytestmark = pytest.mark.slurm

# What docs/cluster.md says of several nodes; each has one stand-in of a GPU.
SPREAD = (
    *("train:mpi=srun", "train:nodes=2", "train:tasks=2", "train:tasks_per_gpu=0", "train:gpu=0", "train:gres=gpu:1"),
    *("train:cpus_per_task=1", "train:mem_mb=attempt * 2000"),
)
# A stand-in for Python: the first time it is the job's command, then the launcher of a node, then a process of it.
FAILS_ON_ONE = """\
#!/bin/sh
[ -n "$RANK" ] || exec {python} -c "import sys; from gsf.train.launch import launch
sys.executable = '{program}'
sys.exit(launch(2, []))"
if [ "$RANK" = 1 ]; then
    until [ -e {folder}/waits ]; do sleep 0.1; done
    exit 3
fi
touch {folder}/waits
sleep 3600
"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    require_slurm()
    with Node(tmp_path_factory.mktemp("nodes"), nodes=2) as cluster:
        yield cluster


def test_snakemake_spreads_a_training_over_two_nodes_and_its_receipt_is_that_of_one(
    nodes: Node, copy: Clone, alone: bytes
) -> None:
    """Each node reads copies of the shards on its own disk.

    As docs/storage.md says: Snakemake hides Slurm's variables from what it runs, the nodes set this one anew.
    """
    before = jobs_so_far(nodes)
    copy.run(*SNAKEMAKE, f"{RUN}/checkpoint.safetensors", "--set-resources", *SPREAD, GSF_STAGE="$SLURM_TMPDIR")
    assert (copy.root / RUN / "receipt.json").read_bytes() == alone
    assert "2 processes on the 2 nodes of this job" in (copy.root / ".work/logs/train/tiny-gsf-s0.log").read_text()
    (job,) = attempts(nodes, "train", since=before)
    asked = nodes.run("scontrol", "show", "job", job["id"], "--oneliner", "--details")
    assert {"NumNodes=2", "NumTasks=2", "MinMemoryNode=2000M"} <= set(asked.split())
    assert re.search(r" TresPerNode=(gres[:/])?gpu[:=]1 ", asked)
    assert f"JOB_GRES=gpu:{GPU}:2" in asked.split()
    shards = {f"{sha256_file(copy.project.shard('mini', shard))}.lmdb" for shard in ("00", "01")}
    for name in nodes.names:
        assert {path.name for path in (nodes.disks / name).rglob("*.lmdb")} == shards, name
    assert "train@tiny-gsf-s0" in record(copy.project).complete


@pytest.mark.slow
def test_asked_before_its_time_is_over_a_training_on_two_nodes_goes_on_from_the_step_that_it_saved(
    nodes: Node, copy: Clone, alone: bytes
) -> None:
    head = start(copy, f"{RUN}/checkpoint.safetensors", "--set-resources", *SPREAD)
    wait_for((copy.root / ".work/train/tiny/gsf-s0/state.safetensors").exists, seconds=900, what="the first state")
    (job,) = running(nodes, "train")()
    nodes.run("scancel", "--signal=TERM", job)  # as --signal=TERM@120 does: to the steps, not to the job's script
    ends_well(head, copy)
    (log,) = (copy.root / ".snakemake/slurm_logs").rglob(f"{job}.log")
    assert "stopped by a signal after" in log.read_text()
    assert (copy.root / RUN / "receipt.json").read_bytes() == alone


def test_torchrun_on_two_nodes_trains_the_same(nodes: Node, copy: Clone, alone: bytes) -> None:
    words = ["srun", "--ntasks-per-node=1", "workflow/slurm/torchrun.sh", *STAGE.split()]
    submit(copy, *words, options=("--wait",), GSF_PROCESSES="1")
    assert (copy.root / RUN / "receipt.json").read_bytes() == alone


def test_asked_to_make_room_all_processes_stop_and_the_job_goes_on_later(
    nodes: Node, copy: Clone, alone: bytes
) -> None:
    job = submit(copy, *TRAIN.split())
    saved = copy.root / ".work/train/tiny/gsf-s0/state.safetensors"
    wait_for(saved.exists, seconds=900, what="the first state")
    nodes.run("scancel", "--batch", "--signal=USR1", job)
    queued_again(nodes, job)
    assert not (copy.root / RUN / "receipt.json").exists()
    assert saved.exists()
    finishes(nodes, job, restarts=1)
    assert (copy.root / RUN / "receipt.json").read_bytes() == alone
    assert "train@tiny-gsf-s0" in record(copy.project).complete
    assert "Nothing to be done" in copy.snakemake("-n", f"{RUN}/checkpoint.safetensors")


def test_a_training_that_cannot_start_ends_the_job_with_its_message(nodes: Node, copy: Clone) -> None:
    job = submit(copy, *TRAIN.replace("gsf-tiny", "absent").split())
    wait_for(lambda: state(nodes, job) == "FAILED", seconds=300, what="the job to fail")
    assert "params/models/absent.yaml" in (copy.root / f"slurm-{job}.out").read_text()


def test_a_process_that_fails_on_one_node_ends_the_job(nodes: Node, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(FAILS_ON_ONE.format(python=sys.executable, program=program, folder=tmp_path))
    program.chmod(0o755)
    asked = ("--nodes=2", "--mem=500", f"--export=ALL,PYTHONPATH={ROOT}")
    job = sbatch(job_folder(tmp_path), str(program), options=asked)
    wait_for(lambda: state(nodes, job) not in ("PENDING", "RUNNING", "COMPLETING"), seconds=300, what="the job to end")
    assert (tmp_path / "waits").exists()
    assert state(nodes, job) == "FAILED"
