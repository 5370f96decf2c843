"""Signals that end a program as Ctrl-C does, so that it may put things in order first."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ended_by(*signals: signal.Signals) -> Iterator[None]:
    """The first of these signals does within the block what Ctrl-C does; those that are ignored stay so (`nohup`).

    Further ones are passed over, so that they do not break off what the first one set going: a closed terminal may send
    SIGHUP twice, and a supervisor SIGTERM and then SIGHUP.
    """
    came = False

    def end(number: int, frame: FrameType | None) -> None:
        del number
        nonlocal came
        if not came:
            came = True
            _as_ctrl_c(frame)

    before = {
        number: signal.signal(number, end) for number in signals if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _as_ctrl_c(frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)  # a server may have one of its own by now
    if not callable(handler):  # a program that a script has put into the background ignores Ctrl-C
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)
