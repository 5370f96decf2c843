"""A signal to all processes of a training asks the training alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing.synchronize import Event

from gsf.train.asked_alone import asked_alone

ASKING = {signal.SIGTERM, signal.SIGUSR1}


def load(ready: Event) -> None:
    """A loader process: what handles these signals in the training does not handle them here."""
    for number in ASKING:
        signal.signal(number, signal.SIG_DFL)
    ready.set()
    time.sleep(60)


def test_the_training_is_asked_and_a_process_forked_meanwhile_is_not() -> None:
    asked: list[int] = []
    handlers = {number: signal.signal(number, lambda number, _: asked.append(number)) for number in ASKING}
    try:
        with asked_alone():
            fork = multiprocessing.get_context("fork")
            ready = fork.Event()
            child = fork.Process(target=load, args=(ready,), daemon=True)
            child.start()
            assert ready.wait(10)
            for number in ASKING:
                os.kill(child.pid or 0, number)
                os.kill(os.getpid(), number)
            deadline = time.monotonic() + 10
            while set(asked) != ASKING and time.monotonic() < deadline:
                time.sleep(0.01)
            child.join(0.2)
            assert set(asked) == ASKING
            assert child.is_alive()
            child.kill()
            child.join()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def test_afterwards_the_signals_are_as_they_were() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with asked_alone():
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= ASKING
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_before_a_training_has_a_handler_the_signal_ends_it() -> None:
    code = (
        "import time\nfrom gsf.train.asked_alone import asked_alone\n"
        "with asked_alone():\n    print('ready', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM
