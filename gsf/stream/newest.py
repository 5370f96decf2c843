"""The hand-over from the decoder to the network, and what happens where the network falls behind.

wait   at most `WAITING` pictures wait; then the decoder waits too, and behind it whoever sends.
drop   the decoder never waits: the newest picture for the network takes the place of all that nobody has taken where
       one for the network is among them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from gsf.video.live import Shot

Behind = Literal["drop", "wait"]
WAITING = 32  # pictures, at most


@dataclass(frozen=True)
class Taken:
    """A picture on its way.

    Attributes:
        shot: the picture.
        arrived: on time.monotonic, when it was decoded.
        fed: it is for the network; else it is only shown.
    """

    shot: Shot
    arrived: float
    fed: bool


class Handover:
    """Reads a stream in a thread of its own; iterate it in another one.

    Args:
        shots: the stream.
        rate: pictures a second for the network; None: all of them.
        behind: what happens where the network falls behind.
    """

    def __init__(self, shots: Iterable[Shot], *, rate: float | None, behind: Behind) -> None:
        self._shots, self._behind = shots, behind
        self._pace = None if rate is None else Pace(rate)
        self._waiting: deque[Taken] = deque()
        self._changed = threading.Condition()
        self._ended, self._closed = False, False
        self._error: BaseException | None = None
        self.dropped = 0  # pictures for the network that it never saw
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __iter__(self) -> Iterator[Taken]:
        """The pictures, until the stream ends; an error of the stream is raised behind them."""
        self._reader.start()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if not self._waiting:
                    break
                taken = self._waiting.popleft()
                self._changed.notify_all()
            yield taken
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Let the reading thread end; the stream must have been stopped."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._reader.is_alive():
            self._reader.join()

    def _read(self) -> None:
        try:
            for shot in self._shots:
                fed = self._pace is None or self._pace.takes(shot.seconds)
                self._put(Taken(shot, time.monotonic(), fed))
                if self._closed:
                    break
        except BaseException as error:
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _put(self, taken: Taken) -> None:
        with self._changed:
            if self._behind == "wait":
                self._changed.wait_for(lambda: len(self._waiting) < WAITING or self._closed)
            else:
                late = sum(item.fed for item in self._waiting)
                full = len(self._waiting) >= WAITING
                if taken.fed and (late or full):
                    self.dropped += late
                    self._waiting.clear()
                elif full:
                    return  # a picture that is only shown: those for the network wait before it
            self._waiting.append(taken)
            self._changed.notify_all()


class Pace:
    """Which pictures of a stream are the first of their slots of 1 / rate seconds."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._slot: int | None = None

    def takes(self, seconds: float) -> bool:
        """Whether the picture at this time, not before the last one, begins a slot."""
        slot = int(seconds * self._rate + 0.1)  # the time of a picture may be rounded
        first, self._slot = slot != self._slot, slot
        return first
