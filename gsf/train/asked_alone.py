"""A training is asked to make room; its loader processes, which the same signal reaches, are not.

Slurm, systemd and `kill` on a process group signal all processes of a job. A loader process that ended by the signal
would end the training too: torch raises an error in whatever the training is doing, in the middle of a step as well,
from where no state can be saved.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ASKING = (signal.SIGTERM, signal.SIGUSR1)  # those of gsf/train/signals.py


@contextmanager
def asked_alone() -> Iterator[None]:
    """Block the signals in this thread: processes forked from it inherit that, and a second thread takes the signals.

    Python runs their handlers in the main thread, whichever thread the system gave them to.
    """
    over = threading.Event()
    taker = threading.Thread(target=over.wait, name="takes signals", daemon=True)
    taker.start()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ASKING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        over.set()
        taker.join()
