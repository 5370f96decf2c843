"""How a training runs on this machine; nothing of it changes the result."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gsf.data.loader import workers as loader_processes


@dataclass(frozen=True)
class Running:
    """Loader processes, and when the state is saved besides after each epoch."""

    workers: int
    save_minutes: float = 10.0  # between two states on disk
    save_steps: int | None = None  # the same in steps of an epoch; None: by the clock alone


def running_here(
    *, workers: int | None = None, save_minutes: float | None = None, save_steps: int | None = None
) -> Running:
    """How trainings run on this machine: as asked for, else by GSF_WORKERS and GSF_SAVE_MINUTES, else by default."""
    if save_minutes is None:
        save_minutes = float(os.environ.get("GSF_SAVE_MINUTES", Running.save_minutes))
    return Running(workers=loader_processes(workers), save_minutes=save_minutes, save_steps=save_steps)
