"""A Slurm cluster on this machine, from Debian's packages: munge, slurmctld and slurmd, each as a child.

Needs root and the packages `slurmctld slurmd slurm-client munge`. No systemd, no cgroups, and no accounting database
unless there are to be accounts. The one GPU is a stand-in (/dev/null), so that what jobs ask for is checked as on a
real cluster. More than one node are several slurmd here, each with all cores of the machine: Slurm places jobs and
steps as if they were machines. Each has a folder for its own disk, of which jobs learn as on many clusters: a prolog
sets SLURM_TMPDIR. Jobs of the partition `urgent` take the place of those of `main`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, Self

import psutil

from tests.required import lacking
from tests.slurm import accounting

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
PACKAGES = "slurmctld slurmd slurm-client munge"
SETTINGS = Path("/etc/slurm")  # where a job's own srun looks: the plugin keeps SLURM_CONF out of jobs
LOCK = Path("/run/gsf-tests-slurm.lock")
_HELD: list[IO[str]] = []
FILES = ("slurm.conf", "gres.conf", "slurmdbd.conf")
MARK = "# Written by tests/slurm/node.py, which replaces it where a killed run has left it.\n"

CONF = """\
{mark}ClusterName={cluster}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation={folder}/ctld
SlurmdSpoolDir={folder}/slurmd.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdParameters=config_overrides
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
{accounting}JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
TaskProlog={folder}/prolog.sh
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
MinJobAge=86400
KillWait=30
GresTypes=gpu
{nodes}PartitionName=main Nodes={names} Default=YES MaxTime=INFINITE DefMemPerCPU=500 State=UP OverSubscribe=NO \
PriorityTier=1 PreemptMode=REQUEUE
PartitionName=urgent Nodes={names} MaxTime=INFINITE DefMemPerCPU=500 State=UP PriorityTier=2 PreemptMode=OFF
"""
NODE = """\
NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} Boards=1 SocketsPerBoard=1 \
CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory={memory} Gres=gpu:{gpu}:{gpus} State=UNKNOWN
"""
# What the graph's jobs ask for at most, and need not use: a smaller machine calls itself as large (config_overrides).
LEAST_CPUS, LEAST_MEMORY = 2, 6500  # MB
GPU = "standin"  # the type of each node's GPUs
DEVICES = ("/dev/null", "/dev/zero")  # which stand in for the GPUs of a node: one, unless there are to be two
GRES = "NodeName={names} Name=gpu Type={gpu} File={device}\n"
RUNNING: list[Node] = []  # with all that these tests may cancel
PROLOG = """\
#!/bin/sh
disk={disks}/$SLURMD_NODENAME/$SLURM_JOB_ID
mkdir -p "$disk"
echo "export SLURM_TMPDIR=$disk"
"""


def why_not() -> str | None:
    """What this machine lacks for a Slurm of its own; None where it lacks nothing."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not found: apt-get install -y --no-install-recommends {PACKAGES}"
    if os.geteuid() != 0:
        return "must be run as root: munge, slurmctld and slurmd are started"
    present = [path for name in FILES if (path := SETTINGS / name).exists()]
    foreign = [path for path in present if not path.read_text(encoding="utf-8", errors="replace").startswith(MARK)]
    if foreign:
        return f"{foreign[0]} is there: this machine has a Slurm already"
    if present and "is UP" in says("scontrol", "ping"):
        return (
            f"a slurmctld of these tests still runs with {present[0]}: let the other run end, or end it and its slurmd"
        )
    return None


def require_slurm() -> None:
    """End a test, or the fixture of several, where this machine cannot have a Slurm of its own."""
    reason = why_not() or _occupied()
    if reason is not None:
        lacking("slurm", f"NO SLURM TESTS: {reason}")


@cache
def _occupied() -> str | None:
    """Take the one Slurm that a machine can have until this process ends; or who has it."""
    lock = LOCK.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return f"another run of these tests holds {LOCK}: let it end"
    _HELD.append(lock)
    return None


def says(*command: str) -> str:
    """What a command says; nothing where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


class Node:
    """The cluster; a context manager that stops what it started."""

    def __init__(self, folder: Path, *, nodes: int = 1, gpus: int = 1, accounts: Sequence[str] = ()) -> None:
        self.gpus = gpus  # of each node, at most two
        self.folder, self.host = folder, socket.gethostname().split(".")[0]
        self.names = [self.host] if nodes == 1 else [f"node{number}" for number in range(nodes)]
        self.disks = folder / "disks"  # a folder of each node's name, in it one of each job's number: SLURM_TMPDIR
        self._accounts = accounts  # that root may use; none: nobody needs one
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        RUNNING.append(self)
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        RUNNING.remove(self)
        with suppress(OSError, subprocess.SubprocessError, AssertionError):  # it may not have started
            for partition in ("main", "urgent"):
                self.run("scancel", f"--partition={partition}")
            wait_for(lambda: not self.jobs(states="running,completing"), seconds=30, what="cancelled jobs to end")
        _end_orphans()
        for child in reversed(self._children):
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for name in FILES:
            (SETTINGS / name).unlink(missing_ok=True)

    def run(self, *command: str) -> str:
        """A command of Slurm, which must succeed; what it says."""
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def jobs(self, *, states: str = "all") -> list[dict[str, str]]:
        """The jobs that Slurm knows, finished ones too: id, name, state, reason."""
        keys = ("id", "name", "state", "reason")
        text = self.run("squeue", "--noheader", f"--states={states}", "--array", "--format=%i|%k|%T|%r")
        return [dict(zip(keys, line.split("|"), strict=True)) for line in text.splitlines()]

    def tidy(self) -> None:
        """Cancel what a test left, wait until that has ended, and let drained nodes work again."""
        for partition in ("main", "urgent"):
            self.run("scancel", f"--partition={partition}")
        active = "pending,running,suspended,completing"
        wait_for(lambda: not self.jobs(states=active), seconds=300, what="the jobs that a test left to end")
        drained = self.run("sinfo", "--noheader", "--Node", "--partition=main", "--states=drain", "--format=%N")
        for name in drained.split():
            self.run("scontrol", "update", f"nodename={name}", "state=resume")

    def lose(self) -> None:
        """The only node fails: its slurmd and all that it started end at once, and slurmctld takes it for down.

        Without the last it would after SlurmdTimeout, five minutes.
        """
        slurmd = self._children[-1]  # started last
        slurmd.kill()
        slurmd.wait()
        for step in psutil.process_iter(["cmdline"]):
            if _is_step(step.info["cmdline"]):
                for process in [*step.children(recursive=True), step]:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
        self.run("scontrol", "update", f"nodename={self.host}", "state=down", "reason=lost")

    def boot(self) -> None:
        """The node that failed is back."""
        self._child("slurmd", "-D", "-N", self.host)
        self._wait_until_idle()  # ReturnToService: it is up once it has registered, and then there is nothing to resume

    def _start(self) -> None:
        for name in ("ctld", *(f"slurmd.{node}" for node in self.names), "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        memory = (os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 - 500) // len(self.names)
        cpus = max(LEAST_CPUS, len(os.sched_getaffinity(0)))
        values = {"host": self.host, "folder": self.folder, "cpus": cpus, "memory": max(LEAST_MEMORY, memory)}
        values |= {"gpu": GPU}
        values |= {"mark": MARK, "gpus": self.gpus, "cluster": accounting.CLUSTER}
        values["accounting"] = accounting.ENFORCED if self._accounts else accounting.NONE
        nodes = [NODE.format(name=name, port=16818 + i, **values) for i, name in enumerate(self.names)]
        values |= {"nodes": "".join(nodes), "names": ",".join(self.names)}
        self.disks.mkdir()
        self.disks.chmod(0o1777)  # the prolog runs as whoever submitted the job
        prolog = self.folder / "prolog.sh"
        prolog.write_text(PROLOG.format(disks=self.disks))
        prolog.chmod(0o755)
        SETTINGS.mkdir(exist_ok=True)
        (SETTINGS / "slurm.conf").write_text(CONF.format(**values))
        gpus = [GRES.format(device=device, **values) for device in DEVICES[: self.gpus]]
        (SETTINGS / "gres.conf").write_text(MARK + "".join(gpus))
        sockets = Path("/run/munge")
        sockets.mkdir(exist_ok=True)
        shutil.chown(sockets, "munge", "munge")
        if not says("munge", "-n"):
            self._child("munged", "--foreground", user="munge")
            self._wait(lambda: says("munge", "-n"), "munge")
        if self._accounts:
            accounting.start_accounting(
                self.folder,
                SETTINGS,
                accounts=self._accounts,
                mark=MARK,
                host=self.host,
                start=self._child,
                wait=self._wait,
            )
        self._child("slurmctld", "-D")
        self._wait(lambda: "is UP" in says("scontrol", "ping"), "slurmctld")
        for name in self.names:
            self._child("slurmd", "-D", "-N", name)
        self._wait_until_idle()

    def _wait_until_idle(self) -> None:
        idle = [f"{name} idle" for name in sorted(self.names)]
        listed = ("sinfo", "--noheader", "--Node", "--partition=main", "--format=%N %t")
        self._wait(lambda: says(*listed).splitlines() == idle, "slurmd")

    def _child(self, *command: str, user: str | None = None) -> None:
        options: dict[str, Any] = {"start_new_session": True}  # Ctrl-C is for the tests, which then end them in order
        if user is not None:
            options |= {"user": user, "group": user, "extra_groups": []}
        with (self.folder / "log" / f"{command[0]}.out").open("ab") as log:
            self._children.append(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
            )

    def _wait(self, ready: Callable[[], object], what: str, *, seconds: float = 180) -> None:
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                raise RuntimeError(f"{what} did not start within {seconds:g} s; see {self.folder}/log")
            time.sleep(0.2)


def _end_orphans() -> None:
    """Kill what is left of jobs: without cgroups Slurm loses a process whose parent ended before it."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("SLURM_CLUSTER_NAME") == accounting.CLUSTER:
                process.kill()


def _is_step(command: list[str] | None) -> bool:
    """Whether this is the process of Slurm that runs a step of a job, the job's script included."""
    return " ".join(command or ()).startswith("slurmstepd: [")


def wait_for(condition: Callable[[], object], *, seconds: float, what: str) -> None:
    """Wait until a condition holds, or fail with what was waited for."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} s for {what}"
        time.sleep(0.5)
