"""Starts the processes of a training, on one machine or on the nodes of a Slurm job, and ends them together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from gsf.errors import PreemptedError
from gsf.machine import usable_cores
from gsf.train.nodes import Share, all_here, nodes_of_job, share_of_node, srun

PATIENCE = 60.0  # seconds for a process that is ended because another failed, before it is killed
SAVING = 600.0  # the same for one that was asked to make room: a state takes minutes on a slow disk
_FORWARDED = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
_LOADERS = "GSF_WORKERS"
_MOST_LOADERS = 8  # of each process by default, as of one that trains alone (gsf/data/loader.py, which imports torch)

Process = subprocess.Popen[bytes]


def launch(count: int, arguments: Sequence[str]) -> int:
    """Run `gsf` with these arguments as `count` processes, as torchrun does; the exit code of the first that fails.

    In a Slurm job of several nodes each of them gets as many. Where one process fails, the others are ended: they would
    wait for it. Its message stands on stderr. Signals go to all.

    Raises:
        TrainError: the job's nodes cannot share so many evenly.
    """
    nodes = nodes_of_job()
    if nodes > 1:
        command, environment = srun(nodes, count, arguments)
        print(f"{count} processes on the {nodes} nodes of this job", file=sys.stderr)
        spread = subprocess.Popen(command, env=environment)
        with _forwarding([spread]):
            return _shell_code(spread.wait())
    share = share_of_node(count) or all_here(count)
    group = _start_all(share, arguments)
    with _forwarding(group):
        code = _wait(group, share)
    # Slurm ends all launchers where one fails. The first process is still saving when the others have made room.
    return 0 if code == PreemptedError.EXIT_CODE and share.first > 0 else code


def loaders_of_each(processes: int) -> int:
    """Loader processes of each of the processes on a machine, where the user says nothing.

    As many as a process that trains alone has with so many cores as are its share. They change no result.
    """
    return max(0, min(_MOST_LOADERS, usable_cores() // processes - 1))


@contextmanager
def _forwarding(group: Sequence[Process]) -> Iterator[None]:
    def forward(number: int, frame: FrameType | None) -> None:
        del frame
        for process in group:
            process.send_signal(number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start_all(share: Share, arguments: Sequence[str]) -> list[Process]:
    """The processes of a share; where one cannot be started, those before it are ended: they would wait for it."""
    group: list[Process] = []
    try:
        for rank in share.ranks:
            group.append(_start(rank, share, arguments))
    except BaseException:
        _end(group)
        raise
    return group


def _start(rank: int, share: Share, arguments: Sequence[str]) -> Process:
    numbers = {"RANK": rank, "LOCAL_RANK": rank - share.first, "WORLD_SIZE": share.count, "MASTER_PORT": share.port}
    names = {name: str(number) for name, number in numbers.items()} | {"MASTER_ADDR": share.address}
    if not os.environ.get(_LOADERS, "").strip():
        names[_LOADERS] = str(loaders_of_each(share.here))
    return subprocess.Popen([sys.executable, "-m", "gsf", *arguments], env=os.environ | names)


def _wait(group: Sequence[Process], share: Share) -> int:
    """Until all are done, or one failed and the others were ended."""
    while True:
        codes = [process.poll() for process in group]
        failed = next((code for code in codes if code), 0)
        if failed or all(code is not None for code in codes):
            if failed == PreemptedError.EXIT_CODE:
                _wait_for(group, SAVING)  # after a signal to all: each ends by itself, the first when it has saved
            else:
                _end(group)
            if failed < 0:  # it left no message of its own
                rank, name = share.ranks[codes.index(failed)], signal.Signals(-failed).name
                said = f"process {rank} of {share.count} was ended by {name}"
                print(said + " (where memory is short, the system does that)" * (failed == -9), file=sys.stderr)
            return _shell_code(failed)
        time.sleep(0.1)


def _shell_code(code: int) -> int:
    """As a shell gives it: what a signal ended has 128 and its number."""
    return code if code >= 0 else 128 - code


def _end(group: Sequence[Process]) -> None:
    for process in group:
        if process.poll() is None:
            process.terminate()
    _wait_for(group, PATIENCE)


def _wait_for(group: Sequence[Process], seconds: float) -> None:
    """Until all have ended; who has not by then is killed."""
    deadline = time.monotonic() + seconds
    for process in group:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
