"""The graph on a real Slurm of one node, and what goes wrong on clusters."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gsf.pipeline import study
from gsf.provenance.hashing import sha256_file
from tests.pipeline.tiny import Clone, ToyClone
from tests.slurm.head import (
    CHECKPOINT,
    CLEAN,
    SNAKEMAKE,
    TRAINING,
    attempts,
    completes,
    ends_well,
    jobs_so_far,
    memory,
    misbehaved,
    running,
    said,
    start,
    state,
)
from tests.slurm.node import GPU, Node, wait_for

pytestmark = pytest.mark.slurm

PROFILE = "workflow/profiles/slurm/config.yaml"
OVERRIDDEN = (f"train:gpu_model={GPU}", "evaluate:runtime=77")  # what the profile or a command line may say


def small(root: Path) -> Clone:
    """A clone whose study is one network and one protocol."""
    clone = Clone(root)
    clone.edit("params/studies/tiny.yaml", "protocols: [2x1x1, 2x2x1]", "protocols: [2x1x1]")
    clone.edit("params/studies/tiny.yaml", "  tsn: {", "  # tsn: {")
    study.activate(clone.project, "tiny")
    return clone.start()


def test_whole_pipeline_writes_the_receipts_of_dvc_and_asks_for_what_the_graph_says(node: Node, tmp_path: Path) -> None:
    by_dvc, by_slurm = small(tmp_path / "a"), small(tmp_path / "b")
    disk = tmp_path / "disk"
    with ThreadPoolExecutor() as beside:
        other = beside.submit(by_dvc.dvc, "repro")
        by_slurm.run(*SNAKEMAKE, "--set-resources", *OVERRIDDEN, GSF_STAGE=str(disk))
        other.result()
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
    assert len(logs) == 2
    assert sum(f"copy shards to {disk}" in log for log in logs) == 1  # the evaluation found the copies

    asked = {}
    for line in node.run("scontrol", "show", "jobs", "--oneliner", "--details").splitlines():
        found = re.search(r" Comment=rule_([a-z]+)", line)
        if found:
            asked[found[1]] = line
    assert set(asked) == {"render", "inventory", "extract", "manifest", "train", "evaluate", "report"}
    assert [rule for rule, line in asked.items() if "ArrayJobId=" in line] == ["extract"]
    assert all("Partition=main" in line for line in asked.values())
    assert re.search(rf"gres[:/]gpu:{GPU}[:=]1", asked["train"])
    assert re.search(r"gres[:/]gpu[:=]1", asked["evaluate"])
    assert "gpu" not in asked["extract"]
    assert "TimeLimit=1-00:00:00" in asked["train"]
    assert "TimeLimit=01:17:00" in asked["evaluate"]
    assert "TimeLimit=00:30:00" in asked["manifest"]
    assert "NumCPUs=2" in asked["extract"]
    assert "MinMemoryNode=6000M" in asked["train"]


@pytest.mark.parametrize(
    ("what", "options", "asked"),
    [
        ("hang", (), ["1000M", "2000M"]),  # as the graph says, and the rule
        ("fill", ("--set-resources", "train:mem_mb=attempt * 900"), ["900M", "1800M"]),
    ],
)
def test_a_job_that_is_cancelled_or_exceeds_its_memory_runs_again_with_more(
    node: Node, clone: ToyClone, what: str, options: Sequence[str], asked: list[str]
) -> None:
    clone.edit("dvc.yaml", "mem_mb: 6000", "mem_mb: 1000")
    before = jobs_so_far(node)
    head = start(clone, CHECKPOINT, *options, TOY_ONCE=f"{what} {TRAINING}")
    wait_for(lambda: misbehaved(clone), seconds=300, what="the training to start")
    if what == "hang":
        for job in running(node, "train")():
            node.run("scancel", job)
    ends_well(head, clone)
    assert [memory(node, job["id"]) for job in attempts(node, "train", since=before)] == asked
    completes(clone)


def test_a_job_that_fails_for_good_is_tried_three_times_and_its_output_is_where_snakemake_says(
    node: Node, clone: ToyClone
) -> None:
    clone.edit("dvc.yaml", "mem_mb: 6000", "mem_mb: 1000")
    before = jobs_so_far(node)
    assert start(clone, TOY_FAIL=TRAINING).wait(600) == 1
    tried = attempts(node, "train", since=before)
    assert [job["state"] for job in tried] == ["FAILED"] * 3
    assert [memory(node, job["id"]) for job in tried] == ["1000M", "2000M", "3000M"]
    words = f"{TRAINING} fails as told"
    assert words in clone.project.work("logs", "train", "tiny-gsf-s0.log").read_text()
    named = re.findall(r"/\S+/slurm_logs/\S+\.log", said(clone))
    assert words in Path(named[-1]).read_text()
    completes(clone)


def test_a_training_that_slurm_refuses_leaves_no_earlier_result_that_passes_for_its_own(
    node: Node, clone: ToyClone
) -> None:
    clone.edit(PROFILE, "slurm_partition: main", "slurm_partition: nowhere")
    before = jobs_so_far(node)
    assert start(clone).wait(900) == 1
    assert "invalid partition specified: nowhere" in said(clone)
    assert said(clone).count("SLURM sbatch failed.") == 3  # at first, and with each of the profile's retries
    assert jobs_so_far(node) <= before
    clone.edit(PROFILE, "slurm_partition: nowhere", "slurm_partition: main")
    ends_well(start(clone), clone)
    assert [job["state"] for job in attempts(node, "train", since=before)] == ["COMPLETED"]
    completes(clone)


def test_a_job_that_exceeds_its_time_may_save_and_runs_again(node: Node, clone: ToyClone) -> None:
    clone.edit("dvc.yaml", "runtime: 1440", "runtime: 1")
    head = start(clone, TOY_ONCE=f"save {TRAINING}")
    ends_well(head, clone)
    assert "TIMEOUT" in {job["state"] for job in node.jobs()}
    assert (clone.root / "saved").exists()  # it took seconds, in which it said so
    completes(clone)


@pytest.mark.parametrize("slow", ["00", "01"])
def test_jobs_of_an_array_wait_for_no_other_and_only_the_one_that_is_cancelled_runs_again(
    node: Node, clone: ToyClone, slow: str
) -> None:
    clone.edit("params/benchmarks/mini.yaml", "jpeg_quality: 5", "jpeg_quality: 6")
    before = jobs_so_far(node)
    at_once = ("--set-threads", "extract=1", "--set-resources", "extract:mem_mb=500")  # on a small node of two cores
    head = start(clone, "data/mini/manifest.csv", *at_once, TOY_ONCE=f"hang extract@mini-{slow}")
    wait_for(lambda: misbehaved(clone), seconds=300, what="the extraction to start")
    wait_for(
        lambda: "COMPLETED" in [job["state"] for job in attempts(node, "extract", since=before)],
        seconds=300,
        what="the other extraction to end",
    )
    (job,) = running(node, "extract")()
    assert re.fullmatch(r"\d+_[12]", job)  # of an array
    node.run("scancel", job)
    ends_well(head, clone)
    assert clone.ran() == ["extract@mini-00", "extract@mini-01", "manifest@mini"]
    assert all(clone.project.shard("mini", shard).exists() for shard in ("00", "01"))


def test_a_job_that_makes_room_for_an_urgent_one_is_queued_again(node: Node, clone: ToyClone) -> None:
    head = start(clone, TOY_ONCE=f"hang {TRAINING}")
    wait_for(lambda: misbehaved(clone), seconds=300, what="the training to start")
    (job,) = running(node, "train")()
    node.run("sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap", "sleep 5")
    wait_for(lambda: job not in running(node, "train")(), seconds=300, what="the training to make room")
    wait_for(lambda: state(node, job) == "PENDING", seconds=300, what="the training to be queued again")
    assert clone.ran() == []
    time.sleep(5)  # a job that starts in the second in which it was queued again has no credential
    node.run("scontrol", "update", f"jobid={job}", "starttime=now")  # Slurm waits two minutes
    ends_well(head, clone)
    assert state(node, job) == "COMPLETED"  # the same job: Snakemake submitted no other
    assert "Restarts=1" in node.run("scontrol", "show", "job", job)
    assert clone.ran() == [TRAINING]


def test_a_node_that_is_drained_delays_and_loses_nothing(node: Node, clone: ToyClone) -> None:
    head = start(clone, TOY_ONCE=f"hang {TRAINING}")
    wait_for(lambda: misbehaved(clone), seconds=300, what="the training to start")
    node.run("scontrol", "update", f"nodename={node.host}", "state=drain", "reason=test")
    for job in running(node, "train")():
        node.run("scancel", job)
    wait_for(
        lambda: any(job["state"] == "PENDING" for job in node.jobs()), seconds=300, what="the second attempt to wait"
    )
    assert clone.ran() == []
    node.run("scontrol", "update", f"nodename={node.host}", "state=resume")
    ends_well(head, clone)
    completes(clone)
