"""How a training runs on this machine; nothing of it changes the result."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from gsf.data.loader import workers as loader_processes
from gsf.errors import ParamsError


@dataclass(frozen=True)
class Running:
    """Loader processes, and when the state is saved besides after each epoch."""

    workers: int
    save_minutes: float = 10.0  # between two states on disk
    save_steps: int | None = None  # the same in steps of an epoch; None: by the clock alone


def running_here(
    *, workers: int | None = None, save_minutes: float | None = None, save_steps: int | None = None
) -> Running:
    """How trainings run on this machine: as asked for, else by GSF_WORKERS and GSF_SAVE_MINUTES, else by default.

    Raises:
        ParamsError: one of these is no number of the kind.
    """
    if save_minutes is None:
        save_minutes = _minutes(os.environ.get("GSF_SAVE_MINUTES", "").strip())
    return Running(workers=loader_processes(workers), save_minutes=save_minutes, save_steps=save_steps)


def _minutes(given: str) -> float:
    if not given:
        return Running.save_minutes
    try:
        minutes = float(given)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes < math.inf:
        raise ParamsError(f"GSF_SAVE_MINUTES is {given!r}, must be minutes above 0; unset it for the default")
    return minutes
