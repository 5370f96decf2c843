"""Jobs that have to make room are queued again and lose nothing: the shipped script's, and those of Snakemake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipeline.tiny import ToyClone
from tests.slurm.head import TRAINING, ends_well, misbehaved, running, start, state
from tests.slurm.node import Node, wait_for
from tests.slurm.training import finishes, job_folder, queued_again, sbatch

pytestmark = pytest.mark.slurm

GRACE = 3600  # s; longer than any of these tests waits
SAVES = "[ -e saved ] && exit 0; trap 'touch saved; exit 75' TERM USR1; touch started; while :; do sleep 0.2; done"


@pytest.fixture
def graceful(node: Node) -> Iterator[Callable[[int], None]]:
    """Sets the seconds that Slurm leaves to jobs which it pre-empts."""

    def leave(seconds: int) -> None:
        node.run("scontrol", "update", "partitionname=main", f"gracetime={seconds}")

    yield leave
    leave(0)


def preempt(node: Node) -> None:
    """A job that needs the place of all others comes."""
    node.run("sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap", "sleep 1")


def started(folder: Path, *words: str) -> str:
    """The number of a job of the shipped script that saves when it is asked to end, and is done the next time."""
    job = sbatch(job_folder(folder), *words, "sh", "-c", SAVES)
    wait_for((folder / "started").exists, seconds=300, what="the job to start")
    return job


def test_a_job_that_is_asked_to_make_room_is_queued_again(node: Node, tmp_path: Path) -> None:
    job = started(tmp_path)
    node.run("scancel", "--batch", "--signal=USR1", job)
    queued_again(node, job)
    finishes(node, job, restarts=1)


@pytest.mark.parametrize(("seconds", "words"), [(0, ()), (GRACE, ("srun",))])
def test_a_job_of_the_script_that_is_preempted_saves_and_goes_on_later(
    node: Node, tmp_path: Path, graceful: Callable[[int], None], seconds: int, words: tuple[str, ...]
) -> None:
    """What srun started is asked at once, the script itself when the time that Slurm leaves is over."""
    graceful(seconds)
    job = started(tmp_path, *words)
    preempt(node)
    queued_again(node, job)
    assert (tmp_path / "saved").exists()
    finishes(node, job, restarts=1)


def test_a_job_that_is_cancelled_stays_cancelled(node: Node, tmp_path: Path) -> None:
    job = started(tmp_path)
    node.run("scancel", job)
    wait_for(lambda: not node.jobs(states="running,completing"), seconds=300, what="the job to end")
    assert state(node, job) == "CANCELLED"


def test_a_failure_that_no_signal_explains_is_not_queued_again(node: Node, tmp_path: Path) -> None:
    job = sbatch(job_folder(tmp_path), "sh", "-c", "exit 3")
    wait_for(lambda: state(node, job) not in ("PENDING", "RUNNING", "COMPLETING"), seconds=300, what="the job to end")
    assert state(node, job) == "FAILED"


def trainings(node: Node) -> list[str]:
    """All jobs of trainings that Snakemake ever submitted here."""
    return [job["id"] for job in node.jobs() if job["name"].startswith("rule_train_")]


def test_a_training_that_saves_in_the_time_it_is_left_uses_up_no_attempt(
    node: Node, clone: ToyClone, graceful: Callable[[int], None]
) -> None:
    """It ends with an error, which Slurm alone would take for a failure; Snakemake would then submit another job."""
    graceful(GRACE)
    head = start(clone, TOY_ONCE=f"save {TRAINING}")
    wait_for(lambda: misbehaved(clone), seconds=300, what="the training to start")
    (job,) = running(node, "train")()
    before = trainings(node)
    preempt(node)
    queued_again(node, job)
    assert (clone.root / "saved").exists()
    assert clone.ran() == []
    ends_well(head, clone)
    finishes(node, job, restarts=1)
    assert trainings(node) == before
    assert clone.ran() == [TRAINING]


def test_what_fails_after_it_made_room_has_failed(node: Node, tmp_path: Path, graceful: Callable[[int], None]) -> None:
    """As in a job of Snakemake: the step fails, and the job's script asks whether it had to make room."""
    graceful(GRACE)
    folder = job_folder(tmp_path)
    (folder / "saves").write_text(SAVES.replace("exit 0", "exit 3"))
    options = ("--parsable", f"--chdir={folder}", "--output=/dev/null", "--mem=100")
    job = node.run("sbatch", *options, "--wrap", "srun sh saves || workflow/slurm/gave_way.sh $?").strip()
    wait_for((folder / "started").exists, seconds=300, what="the job to start")
    preempt(node)
    queued_again(node, job)
    wait_for(lambda: state(node, job) == "FAILED", seconds=300, what="the job to fail")
    assert {"Restarts=1", "ExitCode=3:0"} <= set(node.run("scontrol", "--oneliner", "show", "job", job).split())
