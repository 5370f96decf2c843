"""Signals that end a program as Ctrl-C does, so that it may put things in order first."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ended_by(*signals: signal.Signals) -> Iterator[None]:
    """Each of these signals raises KeyboardInterrupt within the block; those that are ignored stay so (`nohup`)."""
    before = {
        number: signal.signal(number, signal.default_int_handler)
        for number in signals
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
