"""How many pictures a second a network sees of a stream.

A network learns motion from T frames that are spread over a video. So a stream is to have T frames in the time that a
training video takes: at another rate every motion would look slower, or faster, than those it has learnt.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from gsf.data.columns import INVENTORY
from gsf.data.lists import read_manifest
from gsf.deploy.trained import Trained
from gsf.errors import GsfError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.params.model import Model
from gsf.project import Project
from gsf.tables import read_columns

UNKNOWN_SECONDS = 4.0  # the mean of Something-Something V2


def rate_for(model: Model, trained: Trained) -> tuple[float, str]:
    """Pictures a second, and in words where that comes from."""
    segments = model.num_segments
    seconds = None if trained.benchmark is None else median_seconds(trained.benchmark)
    if seconds is None:
        rate = segments / UNKNOWN_SECONDS
        return rate, (
            f"{rate:g} frames a second, because it is not known here how long its training videos are:"
            f" {segments} frames in {UNKNOWN_SECONDS:g} s (--rate says otherwise)"
        )
    rate = round(segments / seconds, 3)
    return rate, f"{rate:g} frames a second: {segments} in {seconds:.2f} s, the median of its training videos"


def median_seconds(benchmark: str) -> float | None:
    """How long the training videos of a benchmark are; None where its tables are not here, or give no frame rate."""
    project = Project.here()
    try:
        stored = load(Benchmark, project.params_file("benchmarks", benchmark)).extract.fps
        manifest = read_manifest(project, benchmark)
        table = read_columns(project.inventory(benchmark), INVENTORY, only=("id", "fps"))
    except (GsfError, OSError):
        return None
    rates = dict(zip(table["id"].to_pylist(), table["fps"].to_pylist(), strict=True))
    found = [
        frames / (stored or Fraction(rates[video]))
        for video, split, frames in zip(manifest.ids, manifest.splits, manifest.frames, strict=True)
        if split == "train" and (stored or rates.get(video))
    ]
    return float(np.median([float(value) for value in found])) if found else None
