"""The graph on a real Slurm of one node, and what goes wrong on clusters."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from gsf.pipeline.record import record
from gsf.provenance.hashing import sha256_file
from tests.pipeline.tiny import Clone, ToyClone
from tests.slurm.node import GPU, Node, wait_for, why_not

pytestmark = pytest.mark.slurm

# The shipped profile, with what this cluster has not (accounting) and what a test need not wait for.
HERE = ("--slurm-status-command", "squeue", "--slurm-no-account", "--slurm-init-seconds-before-status-checks", "2")
SNAKEMAKE = (sys.executable, "-m", "snakemake", "--profile", "workflow/profiles/slurm", *HERE, "--latency-wait", "5")
TRAINING = "train@tiny-gsf-s0"
AFTER_IT = ["evaluate@tiny-gsf-s0-2x1x1", "evaluate@tiny-gsf-s0-2x2x1", "report", TRAINING]
CHECKPOINT = "runs/tiny/train/gsf-s0/checkpoint.safetensors"
CLEAN = "Data and pipelines are up to date"
OVERRIDDEN = (f"train:gpu_model={GPU}", "evaluate:runtime=77")  # what the profile or a command line may say


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    reason = why_not()
    if reason is not None:
        pytest.skip(f"NO SLURM TESTS: {reason}")
    with Node(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> ToyClone:
    """A clone in which everything was run and recorded."""
    clone = ToyClone(tmp_path_factory.mktemp("toys") / "clone").start()
    clone.snakemake()
    record(clone.project)
    clone.ran()
    return clone


@pytest.fixture
def clone(finished: ToyClone, tmp_path: Path) -> ToyClone:
    """A copy in which one training has to run again, and what rests on it."""
    root = tmp_path / "clone"
    shutil.copytree(finished.root, root, symlinks=True)
    copy = ToyClone.__new__(ToyClone)
    copy.root, copy.project = root, type(finished.project)(root)
    copy.edit("params/models/gsf-tiny.yaml", "dropout: 0.0", "dropout: 0.5")
    return copy


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
        return subprocess.Popen(command, cwd=clone.root, env=clone.environment(**extra), stdout=log, stderr=log)


def ends_well(head: subprocess.Popen[bytes], clone: Clone) -> None:
    assert head.wait(300) == 0, (clone.root / "head.log").read_text()[-4000:]


def running(node: Node, rule: str) -> Callable[[], list[str]]:
    """What finds the ids of the running jobs of a rule."""
    return lambda: [job["id"] for job in node.jobs(states="running") if job["name"].startswith(f"rule_{rule}_")]


def state(node: Node, job: str) -> str:
    return next(found["state"] for found in node.jobs() if found["id"] == job)


def misbehaved(clone: ToyClone) -> bool:
    return (clone.root / "misbehaved").exists()


def test_whole_pipeline_writes_the_receipts_of_dvc_and_asks_for_what_the_graph_says(node: Node, tmp_path: Path) -> None:
    by_dvc, by_slurm = Clone(tmp_path / "a").start(), Clone(tmp_path / "b").start()
    by_dvc.dvc("repro")
    disk = tmp_path / "disk"
    by_slurm.run(*SNAKEMAKE, "--set-resources", *OVERRIDDEN, GSF_STAGE=str(disk))
    assert by_slurm.receipts() == by_dvc.receipts()
    assert (by_slurm.root / "results/tiny/results.json").read_bytes() == (
        by_dvc.root / "results/tiny/results.json"
    ).read_bytes()
    by_slurm.run("gsf", "record")
    assert CLEAN in by_slurm.dvc("status")
    shards = [by_slurm.project.shard("mini", shard) for shard in ("00", "01")]
    assert {path.name for path in disk.rglob("*.lmdb")} == {f"{sha256_file(shard)}.lmdb" for shard in shards}
    folders = [by_slurm.project.work("logs", rule) for rule in ("train", "evaluate")]
    logs = [path.read_text() for folder in folders for path in folder.iterdir()]
    assert len(logs) == 6
    assert sum(f"copy shards to {disk}" in log for log in logs) == 1  # the others found the copies

    asked = {}
    for line in node.run("scontrol", "show", "jobs", "--oneliner", "--details").splitlines():
        found = re.search(r" Comment=rule_([a-z]+)", line)
        if found:
            asked[found[1]] = line
    assert set(asked) == {"render", "inventory", "extract", "manifest", "train", "evaluate", "report"}
    assert "ArrayJobId=" in asked["extract"]
    assert all("ArrayJobId=" not in line for rule, line in asked.items() if rule != "extract")
    assert all("Partition=main" in line for line in asked.values())
    assert re.search(rf"gres[:/]gpu:{GPU}[:=]1", asked["train"])
    assert re.search(r"gres[:/]gpu[:=]1", asked["evaluate"])
    assert "gpu" not in asked["extract"]
    assert "TimeLimit=1-00:00:00" in asked["train"]
    assert "TimeLimit=01:17:00" in asked["evaluate"]
    assert "TimeLimit=00:30:00" in asked["manifest"]
    assert "NumCPUs=2" in asked["extract"]
    assert "MinMemoryNode=6000M" in asked["train"]


@pytest.mark.parametrize("what", ["hang", "fill"])
def test_a_job_that_is_cancelled_or_exceeds_its_memory_runs_again(node: Node, clone: ToyClone, what: str) -> None:
    clone.edit("dvc.yaml", "mem_mb: 6000", "mem_mb: 1000")
    head = start(clone, TOY_ONCE=f"{what} {TRAINING}")
    wait_for(lambda: misbehaved(clone), seconds=120, what="the training to start")
    if what == "hang":
        for job in running(node, "train")():
            node.run("scancel", job)
    ends_well(head, clone)
    log = node.run("scontrol", "show", "jobs", "--oneliner")
    assert "MinMemoryNode=2000M" in log  # the second attempt has twice the memory
    completes(clone)


def test_a_job_that_exceeds_its_time_runs_again(node: Node, clone: ToyClone) -> None:
    clone.edit("dvc.yaml", "runtime: 1440", "runtime: 1")
    head = start(clone, TOY_ONCE=f"hang {TRAINING}")
    ends_well(head, clone)
    assert "TIMEOUT" in {job["state"] for job in node.jobs()}
    completes(clone)


def test_a_job_that_makes_room_for_an_urgent_one_is_queued_again(node: Node, clone: ToyClone) -> None:
    head = start(clone, TOY_ONCE=f"hang {TRAINING}")
    wait_for(lambda: misbehaved(clone), seconds=120, what="the training to start")
    (job,) = running(node, "train")()
    node.run("sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap", "sleep 5")
    wait_for(lambda: job not in running(node, "train")(), seconds=120, what="the training to make room")
    wait_for(lambda: state(node, job) == "PENDING", seconds=120, what="the training to be queued again")
    assert clone.ran() == []
    time.sleep(5)  # a job that starts in the second in which it was queued again has no credential
    node.run("scontrol", "update", f"jobid={job}", "starttime=now")  # Slurm waits two minutes
    ends_well(head, clone)
    assert state(node, job) == "COMPLETED"  # the same job: Snakemake submitted no other
    assert "Restarts=1" in node.run("scontrol", "show", "job", job)
    completes(clone)


def test_a_node_that_is_drained_delays_and_loses_nothing(node: Node, clone: ToyClone) -> None:
    head = start(clone, TOY_ONCE=f"hang {TRAINING}")
    wait_for(lambda: misbehaved(clone), seconds=120, what="the training to start")
    node.run("scontrol", "update", f"nodename={node.host}", "state=drain", "reason=test")
    for job in running(node, "train")():
        node.run("scancel", job)
    wait_for(
        lambda: any(job["state"] == "PENDING" for job in node.jobs()), seconds=120, what="the second attempt to wait"
    )
    assert clone.ran() == []
    node.run("scontrol", "update", f"nodename={node.host}", "state=resume")
    ends_well(head, clone)
    completes(clone)


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
