"""A training over two nodes of a real Slurm trains what as many processes on one machine train, and makes room."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gsf.pipeline import study
from gsf.pipeline.record import record
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import read_receipt
from tests.pipeline.tiny import ROOT, Clone
from tests.required import lacking
from tests.slurm.head import SNAKEMAKE, ends_well, running, start, state
from tests.slurm.node import GPU, Node, wait_for, why_not

pytestmark = pytest.mark.slurm

RUN = "runs/tiny/train/gsf-s0"
TRAIN = "gsf train mini --study tiny --run gsf-s0 --model gsf-tiny --recipe tiny --seed 0 --threads 1 --devices 2"
# What docs/cluster.md says of several nodes; each has one stand-in of a GPU.
SPREAD = (
    *("train:mpi=srun", "train:nodes=2", "train:tasks=2", "train:tasks_per_gpu=0", "train:gpu=0", "train:gres=gpu:1"),
    *("train:cpus_per_task=1", "train:mem_mb=attempt * 2000"),
)
MAKES_ROOM = "trap 'exit 75' TERM USR1; touch started; while :; do sleep 0.2; done"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    reason = why_not()
    if reason is not None:
        lacking("slurm", f"NO SLURM TESTS: {reason}")
    with Node(tmp_path_factory.mktemp("nodes"), nodes=2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone whose data are there, with trainings by two processes that take long enough to be interrupted."""
    clone = Clone(tmp_path_factory.mktemp("prepared") / "clone")
    clone.edit("params/studies/tiny.yaml", "threads: 1", "threads: 1\ndevices: 2")
    clone.edit("params/recipes/tiny.yaml", "epochs: 1", "epochs: 12")
    study.activate(clone.project, "tiny")
    clone.start().snakemake("data/mini/manifest.csv")
    return clone


@pytest.fixture
def copy(prepared: Clone, tmp_path: Path) -> Clone:
    return prepared.copied(tmp_path / "clone")


@pytest.fixture(scope="module")
def alone(prepared: Clone, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The receipt of two processes on this machine, as `dvc repro` and `snakemake --cores` start them."""
    clone = prepared.copied(tmp_path_factory.mktemp("alone") / "clone")
    clone.run(*TRAIN.split())
    assert read_receipt(clone.root / RUN / "receipt.json").facts["processes"] == 2
    return (clone.root / RUN / "receipt.json").read_bytes()


def submit(clone: Clone, *command: str, options: tuple[str, ...] = (), **extra: str) -> str:
    """The number of a job of two nodes that runs a command by the shipped script."""
    asked = ("--parsable", "--nodes=2", "--mem=2000", *options, "workflow/slurm/train.sbatch")
    return clone.run("sbatch", *asked, *command, **extra).strip()


def test_snakemake_spreads_a_training_over_two_nodes_and_its_receipt_is_that_of_one(
    nodes: Node, copy: Clone, alone: bytes
) -> None:
    copy.run(*SNAKEMAKE, f"{RUN}/checkpoint.safetensors", "--set-resources", *SPREAD)
    assert (copy.root / RUN / "receipt.json").read_bytes() == alone
    assert "2 processes on the 2 nodes of this job" in (copy.root / ".work/logs/train/tiny-gsf-s0.log").read_text()
    (asked,) = nodes.run("scontrol", "show", "jobs", "--oneliner", "--details").splitlines()
    assert {"NumNodes=2", "NumTasks=2", "MinMemoryNode=2000M"} <= set(asked.split())
    assert re.search(r" TresPerNode=(gres[:/])?gpu[:=]1 ", asked)
    assert f"JOB_GRES=gpu:{GPU}:2" in asked.split()
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


def test_each_node_of_a_training_reads_copies_of_the_shards_on_its_own_disk(
    nodes: Node, copy: Clone, alone: bytes
) -> None:
    """As docs/storage.md says. Snakemake hides Slurm's variables from what it runs, the nodes set this one anew."""
    copy.run(*SNAKEMAKE, f"{RUN}/checkpoint.safetensors", "--set-resources", *SPREAD, GSF_STAGE="$SLURM_TMPDIR")
    assert (copy.root / RUN / "receipt.json").read_bytes() == alone
    shards = {f"{sha256_file(copy.project.shard('mini', shard))}.lmdb" for shard in ("00", "01")}
    for name in nodes.names:
        assert {path.name for path in (nodes.disks / name).rglob("*.lmdb")} == shards, name


def test_torchrun_on_two_nodes_trains_the_same(nodes: Node, copy: Clone, alone: bytes) -> None:
    words = ["srun", "--ntasks-per-node=1", "workflow/slurm/torchrun.sh", *TRAIN.split()[:-2]]
    submit(copy, *words, options=("--wait",), GSF_PROCESSES="1")
    assert (copy.root / RUN / "receipt.json").read_bytes() == alone


def test_asked_to_make_room_all_processes_stop_and_the_job_goes_on_later(
    nodes: Node, copy: Clone, alone: bytes
) -> None:
    job = submit(copy, *TRAIN.split())
    saved = copy.root / ".work/train/tiny/gsf-s0/state.safetensors"
    wait_for(saved.exists, seconds=900, what="the first state")
    nodes.run("scancel", "--batch", "--signal=USR1", job)
    wait_for(lambda: state(nodes, job) == "PENDING", seconds=120, what="the job to be queued again")
    assert not (copy.root / RUN / "receipt.json").exists()
    assert saved.exists()
    time.sleep(5)  # a job that starts in the second in which it was queued again has no credential
    nodes.run("scontrol", "update", f"jobid={job}", "starttime=now")  # Slurm waits two minutes
    wait_for(lambda: state(nodes, job) == "COMPLETED", seconds=900, what="the job to end")
    assert (copy.root / RUN / "receipt.json").read_bytes() == alone


def test_a_training_that_cannot_start_ends_the_job_with_its_message(nodes: Node, copy: Clone) -> None:
    job = submit(copy, *TRAIN.replace("gsf-tiny", "absent").split())
    wait_for(lambda: state(nodes, job) == "FAILED", seconds=120, what="the job to fail")
    assert "params/models/absent.yaml" in (copy.root / f"slurm-{job}.out").read_text()


def job_folder(folder: Path) -> Path:
    """A folder with the shipped script alone."""
    shutil.copytree(ROOT / "workflow/slurm", folder / "workflow/slurm")
    return folder


def sbatch(folder: Path, *words: str) -> str:
    """The number of a job of the shipped script."""
    command = ["sbatch", "--parsable", "--mem=100", "workflow/slurm/train.sbatch", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_job_that_makes_room_is_queued_again(nodes: Node, tmp_path: Path) -> None:
    job = sbatch(job_folder(tmp_path), "sh", "-c", MAKES_ROOM)
    wait_for((tmp_path / "started").exists, seconds=60, what="the job to start")
    nodes.run("scancel", "--batch", "--signal=USR1", job)
    wait_for(lambda: state(nodes, job) == "PENDING", seconds=60, what="the job to be queued again")
    nodes.run("scancel", job)


def test_a_job_that_is_cancelled_stays_cancelled(nodes: Node, tmp_path: Path) -> None:
    job = sbatch(job_folder(tmp_path), "sh", "-c", MAKES_ROOM)
    wait_for((tmp_path / "started").exists, seconds=60, what="the job to start")
    nodes.run("scancel", job)
    wait_for(lambda: not nodes.jobs(states="running,completing"), seconds=60, what="the job to end")
    assert state(nodes, job) == "CANCELLED"


def test_a_failure_that_no_signal_explains_is_not_queued_again(nodes: Node, tmp_path: Path) -> None:
    job = sbatch(job_folder(tmp_path), "sh", "-c", "exit 3")
    wait_for(lambda: state(nodes, job) not in ("PENDING", "RUNNING", "COMPLETING"), seconds=60, what="the job to end")
    assert state(nodes, job) == "FAILED"
