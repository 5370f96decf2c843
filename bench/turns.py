"""Timing of things that take turns, so that another load of the machine meets all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence


def median_seconds(steps: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median time of each step over the rounds; a first round, which is not counted, warms up."""
    times: list[list[float]] = [[] for _ in steps]
    for number in range(rounds + 1):
        for spent, step in zip(times, steps, strict=True):
            begin = time.perf_counter()
            step()
            if number:
                spent.append(time.perf_counter() - begin)
    return [statistics.median(spent) for spent in times]
