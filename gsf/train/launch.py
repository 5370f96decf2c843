"""Starts the processes of a training on one machine, and ends them together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

from gsf.errors import PreemptedError

PATIENCE = 60.0  # seconds for a process to save and end, before it is killed
_FORWARDED = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)

Process = subprocess.Popen[bytes]


def launch(count: int, arguments: Sequence[str]) -> int:
    """Run `gsf` with these arguments as `count` processes, as torchrun does; the exit code of the first that fails.

    Where one fails, the others are ended: they would wait for it. Its message stands on stderr. Signals go to all.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = [_start(rank, count, port=port, arguments=arguments) for rank in range(count)]

    def forward(number: int, frame: FrameType | None) -> None:
        del frame
        for process in group:
            process.send_signal(number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        return _wait(group)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(rank: int, count: int, *, port: int, arguments: Sequence[str]) -> Process:
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    environment = os.environ | {name: str(value) for name, value in names.items()}
    return subprocess.Popen([sys.executable, "-m", "gsf", *arguments], env=environment)


def _wait(group: Sequence[Process]) -> int:
    """Until all are done, or one failed and the others were ended."""
    while True:
        codes = [process.poll() for process in group]
        failed = next((code for code in codes if code), 0)
        if failed or all(code is not None for code in codes):
            # After a signal to all each one ends by itself, the first one when it has saved.
            _end(group, ask=failed != PreemptedError.EXIT_CODE)
            if failed < 0:  # it left no message of its own
                said = f"process {codes.index(failed)} of {len(group)} was ended by {signal.Signals(-failed).name}"
                print(said + " (where memory is short, the system does that)" * (failed == -9), file=sys.stderr)
            return failed if failed >= 0 else 128 - failed
        time.sleep(0.1)


def _end(group: Sequence[Process], *, ask: bool) -> None:
    deadline = time.monotonic() + PATIENCE
    for process in group:
        if ask and process.poll() is None:
            process.terminate()
    for process in group:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
