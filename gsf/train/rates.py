"""How fast a training runs, and what it waits for. Nothing of this is part of a result."""

from __future__ import annotations

import time
from datetime import timedelta

import torch

from gsf.train.memory import peak_gib


class Rates:
    """Counts the clips of an epoch, and the time spent waiting for them."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.restart()

    def restart(self) -> None:
        """A new epoch."""
        self._begin = time.perf_counter()
        self._waited, self._clips = 0.0, 0

    def waited(self, since: float) -> None:
        """A batch came; it was waited for since then (`time.perf_counter`)."""
        self._waited += time.perf_counter() - since

    def computed(self, clips: int) -> None:
        """A step is done."""
        self._clips += clips

    def measured(self) -> dict[str, float]:
        """Clips a second over all processes, share of the time that the loader took, memory at most."""
        spent = max(time.perf_counter() - self._begin, 1e-9)
        return {
            "clips_per_second": round(self._clips / spent, 3),
            "data_wait": round(self._waited / spent, 4),
            "memory_gib": round(peak_gib(self._device), 3),
        }

    def shown(self, *, clips_left: int) -> dict[str, str]:
        """The same for a progress bar, with the time that the rest of the training takes at this rate."""
        measured = self.measured()
        seconds = round(clips_left / measured["clips_per_second"]) if measured["clips_per_second"] else 0
        return {
            "wait": f"{measured['data_wait']:.0%}",
            "mem": f"{measured['memory_gib']:.1f}G",
            "left": str(timedelta(seconds=seconds)),
        }
