"""The nodes of a Slurm job: which of them a training is spread over, and how its launchers find each other.

Slurm starts one launcher a node (`srun`), and each starts its share of the processes (gsf/train/launch.py). They meet
at a port of the first node, where the job script runs. What torchrun would add, a rendezvous whose members may change,
would change the result: the number of processes is part of it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from gsf.errors import TrainError

_PORT = "GSF_RENDEZVOUS_PORT"  # set for the launchers of a job of several nodes
# Sizes of the job that srun would take for those of the step, against its options.
_SIZES = (
    "SLURM_NTASKS",
    "SLURM_NPROCS",
    "SLURM_TASKS_PER_NODE",
    "SLURM_CPUS_PER_",
    "SLURM_DISTRIBUTION",
    "SLURM_STEP_",
)


@dataclass(frozen=True)
class Share:
    """The processes of a training that one launcher starts."""

    first: int  # rank of the first of them
    here: int
    count: int  # of all
    address: str  # where they meet: a port of the machine of rank 0
    port: int

    @property
    def ranks(self) -> range:
        return range(self.first, self.first + self.here)


def all_here(count: int) -> Share:
    """All processes on this machine, which meet at a free port."""
    return Share(first=0, here=count, count=count, address="127.0.0.1", port=_free_port())


def nodes_of_job() -> int:
    """How many nodes the Slurm job of this process has; 1 outside of Slurm, and for a launcher that `srun` started.

    Raises:
        TrainError: somebody else's `srun` started this several times.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is None or _PORT in os.environ:
        return 1
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "1")
    if tasks != "1":
        raise TrainError(
            f"srun started `gsf train --devices` {tasks} times, must be once:"
            " it starts its processes on all nodes itself"
        )
    given = os.environ.get("SLURM_JOB_NUM_NODES", "")
    if not given and shutil.which("squeue"):  # Snakemake keeps all but the job's number from what it runs
        command = ["squeue", "--noheader", f"--jobs={job}", "--format=%D"]
        given = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return int(given) if given.isdecimal() else 1


def share_of_node(count: int) -> Share | None:
    """What the launcher of one of several nodes starts; None where this is not one."""
    port = os.environ.get(_PORT)
    if port is None:
        return None
    here = count // int(os.environ["SLURM_NNODES"])
    first = here * int(os.environ["SLURM_NODEID"])
    return Share(first=first, here=here, count=count, address=os.environ["SLURM_LAUNCH_NODE_IPADDR"], port=int(port))


def srun(nodes: int, count: int, arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The command that starts a launcher on each node, and its environment.

    The first launcher that fails ends the others. Each may use all that the job has on its node.

    Raises:
        TrainError: the processes cannot be shared evenly.
    """
    if count % nodes:
        raise TrainError(
            f"--devices is {count}, must be a multiple of the {nodes} nodes of this job: every node starts as many"
            " processes; change `devices` in the study file, or the job's nodes"
        )
    options = [f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1", "--overlap", "--cpu-bind=none"]
    command = ["srun", *options, "--kill-on-bad-exit=1", "--input=none", sys.executable, "-m", "gsf", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_SIZES)}
    return command, environment | {_PORT: str(_free_port())}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("", 0))
        port: int = free.getsockname()[1]
    return port
