"""Signals as a terminal leaves them, also where the tests themselves run under `nohup`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def as_by_default(number: signal.Signals) -> Iterator[None]:
    """A signal ends this process and its children within the block, unless they see to it."""
    before = signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(number, before)
