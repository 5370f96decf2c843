"""A task of a Slurm job array becomes its own command.

Snakemake's plugin for Slurm (2.8) lets each task of an array begin as the array's first job, which gets the commands of
the others as an argument and starts one of them. That Snakemake goes on to wait for the outputs of the *first* job: a
task that ends more than `latency-wait` before them counts as failed, and one that fails removes them. So a task other
than the first is replaced by its own command as soon as the Snakefile is read, and is a job like any other after that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

COMMANDS = "--slurm-jobstep-array-execs"


def become_own_task() -> None:
    """Replace this process by the task's own command; nothing happens to a job that is no array's, or its first."""
    command = own_command(sys.argv, os.environ)
    if command is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv("/bin/sh", ["sh", "-c", command])


def own_command(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """The command of this task among those of an array; None where the arguments are this task's own already."""
    packed = _option(arguments)
    task = environment.get("SLURM_ARRAY_TASK_ID")
    if packed is None or task is None or task == environment.get("SLURM_ARRAY_TASK_MIN"):
        return None
    from zlib import decompress

    from snakemake_executor_plugin_slurm_jobstep import parse_array_execs

    return decompress(bytes.fromhex(parse_array_execs(packed)[task])).decode("utf-8")


def _option(arguments: Sequence[str]) -> str | None:
    for place, word in enumerate(arguments):
        if word == COMMANDS and place + 1 < len(arguments):
            return arguments[place + 1]
        if word.startswith(f"{COMMANDS}="):
            return word.partition("=")[2]
    return None
