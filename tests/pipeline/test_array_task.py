"""Which command a task of a job array is."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from gsf.pipeline.array_task import COMMANDS, own_command

PACKED = base64.b64encode(
    json.dumps({str(task): zlib.compress(f"snakemake {task}".encode()).hex() for task in (2, 3)}).encode()
).decode()


@pytest.mark.parametrize("option", [[COMMANDS, PACKED], [f"{COMMANDS}={PACKED}"]])
@pytest.mark.parametrize(("task", "command"), [("1", None), ("2", "snakemake 2"), ("3", "snakemake 3")])
def test_a_task_is_its_own_command_and_the_first_is_what_was_started(
    option: list[str], task: str, command: str | None
) -> None:
    environment = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_MIN": "1"}
    assert own_command(["snakemake", "--nolock", *option], environment) == command


def test_what_is_no_arrays_or_has_its_own_command_stays_what_it_is() -> None:
    task = {"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_MIN": "1"}
    assert own_command(["snakemake", "--nolock"], task) is None
    assert own_command(["snakemake", COMMANDS, PACKED], {}) is None
