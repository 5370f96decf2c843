"""How fast the networks of a study were measured to be: `results/STUDY/speed.json`, a projection beside the chain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from gsf.project import Project

SPEED = "speed.json"  # in the results of a study
FORMAT = 1


@dataclass(frozen=True)
class Speeds:
    """What one measurement found."""

    device: str
    threads: int | None  # None on a GPU
    clips: int  # of a batch
    clips_per_second: Mapping[str, float] = field(default_factory=dict)  # by the digest of the receipt of its training

    def words(self) -> str:
        """Where it was measured, for people."""
        threads = f", {self.threads} thread{'s' * (self.threads != 1)}" if self.threads is not None else ""
        return f"{self.device}{threads}, batches of {self.clips}"


def read_speeds(project: Project, study: str) -> Speeds | None:
    """The measurement beside the results; None where there is none that this version can read."""
    try:
        found = json.loads((project.results(study) / SPEED).read_bytes())
        if found["format"] != FORMAT:
            return None
        rates = {str(item["receipt"]): float(item["clips_per_second"]) for item in found["networks"]}
        threads = None if found["threads"] is None else int(found["threads"])
        if not all(rate > 0 for rate in rates.values()):
            return None
        return Speeds(str(found["device"]), threads, int(found["clips"]), rates)
    except (OSError, ValueError, TypeError, KeyError):
        return None
