"""Which failed jobs of Snakemake are queued again by themselves; test_making_room.py does it on a real Slurm."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.pipeline.tiny import ROOT

SCRIPT = ROOT / "workflow/slurm/gave_way.sh"
# `scontrol` with what it says of the job, which writes down what else it is asked for.
SCONTROL = """\
#!/bin/sh
[ "$2" = show ] && {{ [ "$4" = {job} ] || exit 1; echo "{known}"; exit; }}
echo "$@" >> {folder}/asked
"""
PREEMPTED = "PreemptEligibleTime=2026-01-01T00:00:00 PreemptTime=2026-01-01T00:01:00"


def asked(folder: Path, known: str, *, job: str = "7", **variables: str) -> list[str]:
    """What else the script asks of Slurm where a command has failed with 75."""
    program = folder / "scontrol"
    program.write_text(SCONTROL.format(job=job, known=known, folder=folder))
    program.chmod(0o755)
    here = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    environment = here | {"SLURM_JOB_ID": "7", "PATH": f"{folder}:{os.environ['PATH']}"} | variables
    assert subprocess.run([SCRIPT, "75"], env=environment, check=False, capture_output=True).returncode == 75
    found = folder / "asked"
    return found.read_text().splitlines() if found.exists() else []


def test_a_job_that_runs_and_is_preempted_is_queued_again(tmp_path: Path) -> None:
    assert asked(tmp_path, f"JobId=7 JobName=x JobState=RUNNING Reason=None {PREEMPTED} Power=") == ["requeue 7"]


def test_of_an_array_the_one_job_is_queued_again(tmp_path: Path) -> None:
    known = f"JobId=7 ArrayJobId=5 ArrayTaskId=2 JobState=RUNNING {PREEMPTED}"
    ids = {"SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "2"}
    assert asked(tmp_path, known, job="5_2", **ids) == ["requeue 5_2"]


@pytest.mark.parametrize(
    "known",
    [
        "JobId=7 JobState=RUNNING Reason=None PreemptEligibleTime=2026-01-01T00:00:00 PreemptTime=None",
        "JobId=7 JobState=RUNNING Reason=None",
        f"JobId=7 JobState=COMPLETING Reason=None {PREEMPTED}",  # Slurm itself has queued it again
        f"JobId=7 JobState=CANCELLED Reason=None {PREEMPTED}",
        "",
    ],
)
def test_of_any_other_job_only_the_code_remains(tmp_path: Path, known: str) -> None:
    assert asked(tmp_path, known) == []
