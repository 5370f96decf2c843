"""Timing of things that take turns, so that another load of the machine meets all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence


def median_seconds(
    steps: Sequence[Callable[[], object]], rounds: int, *, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Median time of each step over the rounds, by `clock`; a first round, which is not counted, warms up."""
    times: list[list[float]] = [[] for _ in steps]
    for number in range(rounds + 1):
        for spent, step in zip(times, steps, strict=True):
            begin = clock()
            step()
            if number:
                spent.append(clock() - begin)
    return [statistics.median(spent) for spent in times]
