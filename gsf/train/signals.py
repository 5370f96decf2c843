"""Signals that ask a training to make room: SIGTERM (Slurm, systemd, a cloud that takes its machine back), SIGUSR1."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

_ASK = (signal.SIGTERM, signal.SIGUSR1)


class Requests:
    """Whether one of the signals came, while this is entered; the training looks after each step.

    Outside of the main thread, where Python gives no signals, none ever comes.
    """

    def __init__(self) -> None:
        self.stop = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Requests:
        if threading.current_thread() is threading.main_thread():
            for number in _ASK:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.stop = True
