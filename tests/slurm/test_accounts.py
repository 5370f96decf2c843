"""The shipped profile where jobs need an account and `sacct` remembers them, as on most clusters."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.pipeline.tiny import ToyClone
from tests.required import lacking
from tests.slurm import accounting
from tests.slurm.head import CHECKPOINT, TRAINING
from tests.slurm.node import Node, require_slurm

pytestmark = pytest.mark.slurm

PROFILE = "workflow/profiles/slurm/config.yaml"
SNAKEMAKE = (sys.executable, "-m", "snakemake", "--profile", "workflow/profiles/slurm")
QUICK = ("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5")


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    require_slurm()
    reason = accounting.why_not()
    if reason is not None:
        lacking("slurm-accounting", f"NO TESTS OF SLURM'S ACCOUNTS: {reason}")
    with Node(tmp_path_factory.mktemp("accounts"), accounts=("usual", "p1234")) as cluster:
        yield cluster


def remembered(node: Node, keys: str) -> list[list[str]]:
    """What sacct tells of each job, a value for each key, the last job last."""
    options = ("--noheader", "--parsable2", "--allocations", "--starttime=now-2days", f"--format={keys}")
    lines = node.run("sacct", *options).splitlines()
    return [line.split("|") for line in lines]


def test_jobs_run_under_the_profiles_account_and_are_followed_by_sacct(accounts: Node, clone: ToyClone) -> None:
    clone.edit(PROFILE, "# slurm_account: ACCOUNT", "slurm_account: p1234")
    clone.run(*SNAKEMAKE, *QUICK, CHECKPOINT)
    assert remembered(accounts, "account,state")[-1] == ["p1234", "COMPLETED"]
    assert clone.ran() == [TRAINING]


def test_without_an_account_jobs_run_under_the_usual_one(accounts: Node, clone: ToyClone) -> None:
    before = len(remembered(accounts, "jobid"))
    clone.run(*SNAKEMAKE, *QUICK, CHECKPOINT)
    rows = remembered(accounts, "account,state")
    assert len(rows) == before + 1
    assert rows[-1][1] == "COMPLETED"
    assert clone.ran() == [TRAINING]


def test_an_account_that_is_not_yours_is_named_with_those_that_are(accounts: Node, clone: ToyClone) -> None:
    before = remembered(accounts, "jobid")
    clone.edit(PROFILE, "# slurm_account: ACCOUNT", "slurm_account: theirs")
    said = clone.run(*SNAKEMAKE, *QUICK, CHECKPOINT, fails=True)
    assert "theirs" in said
    assert "p1234" in said
    assert remembered(accounts, "jobid") == before
    assert clone.ran() == []
