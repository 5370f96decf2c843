"""A network follows a stream: one answer a picture, and what it cost."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from gsf.stream.newest import Behind, Handover, Taken
from gsf.stream.watcher import Look, Watcher
from gsf.video.live import VIEW_RATE, Shots, Wanted
from gsf.video.source import Source

_REMEMBERED = 4096  # latencies, for their percentiles


@dataclass(frozen=True)
class Answered:
    """A picture, and what was known when its turn was over.

    Attributes:
        seconds: its time, by the stream's own clock, from the first picture on.
        look: what the network says; None where the picture was only to be shown.
        latency: seconds from when the picture was decoded, or from when it was taken where nobody sends it at its
            time, to the answer; None where there is none.
        behind: seconds by which the answer is later than if all had been as quick as the quickest so far; None where
            nobody sends pictures at their time.
        dropped: pictures for the network that it never saw, so far.
        view: the picture for people, JPEG.
    """

    seconds: float
    look: Look | None
    latency: float | None
    behind: float | None
    dropped: int
    view: bytes | None


class Following:
    """Gives `answers`, once; afterwards `summary` says what it came to.

    Args:
        watcher: the network.
        source: where the pictures come from.
        wanted: how they are made; its `rate` is the network's. With `view`, pictures that are only shown come between.
        behind: what happens where the network falls behind.
    """

    def __init__(self, watcher: Watcher, source: Source, wanted: Wanted, *, behind: Behind) -> None:
        self._watcher, self._source, self._wanted, self._behind = watcher, source, wanted, behind
        self._paced = source.live or wanted.realtime
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)
        self._answers, self._dropped, self._complaints = 0, 0, 0
        self._began, self._last = 0.0, 0.0
        self._quickest: float | None = None  # of time.monotonic less the stream's clock

    def answers(self) -> Generator[Answered]:
        """The answers, as they come; closing the generator ends the stream."""
        rate, wanted = None, self._wanted
        if wanted.view:
            rate = wanted.rate
            wanted = Wanted(**{**vars(wanted), "rate": max(rate, VIEW_RATE)})
        self._began = time.monotonic()
        with Shots(self._source, wanted) as shots, closing(Handover(shots, rate=rate, behind=self._behind)) as arriving:
            try:
                for taken in arriving:
                    self._dropped = arriving.dropped
                    yield self._answer(taken)
            finally:
                self._dropped, self._complaints = arriving.dropped, shots.complaints
                shots.stop()

    def _answer(self, taken: Taken) -> Answered:
        shot, begin = taken.shot, taken.arrived if self._paced else time.monotonic()
        look, latency = None, None
        if taken.fed:
            look = self._watcher(shot.jpeg, name=f"{self._source.name}, {shot.seconds:.3f} s")
            latency = time.monotonic() - begin
            self._latencies.append(latency)
            self._answers += 1
        answered = Answered(shot.seconds, look, latency, self._lag(taken), self._dropped, shot.view)
        self._last = time.monotonic()  # before anybody is told, who may have seen enough
        return answered

    def _lag(self, taken: Taken) -> float | None:
        if not self._paced:
            return None
        arrival = taken.arrived - taken.shot.seconds
        self._quickest = arrival if self._quickest is None else min(arrival, self._quickest)
        return time.monotonic() - taken.shot.seconds - self._quickest

    @property
    def summary(self) -> dict[str, Any]:
        """Answers, dropped pictures, complaints of the decoder, answers a second, percentiles of the latency in ms."""
        spent = max(self._last - self._began, 1e-9)
        found: dict[str, Any] = {
            "answers": self._answers,
            "dropped": self._dropped,
            "complaints": self._complaints,
            "answers_per_second": round(self._answers / spent, 2),
        }
        if self._latencies:
            for share, value in zip((50, 95, 99), np.percentile(list(self._latencies), (50, 95, 99)), strict=True):
                found[f"latency_p{share}_ms"] = round(1e3 * float(value), 1)
        return found
