"""What the benchmark that a network was trained on says: how its frames are stored, and what a flip does."""

from __future__ import annotations

from gsf.data.lists import Manifest, read_manifest
from gsf.deploy.trained import Trained
from gsf.errors import EvaluationError, GsfError, ParamsError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark, Extract
from gsf.params.model import Model
from gsf.project import Project

# For a network that comes without a benchmark: close to lossless, and limits that a long film keeps.
_SHORT_SIDE, _QUALITY = 256, 2
_SECONDS, _FRAMES, _PIXELS = 3600.0, 500_000, 8192 * 4320


def extract_for(model: Model, trained: Trained, *, benchmark: str | None = None) -> tuple[Extract, str]:
    """How the frames of a video are made for a network, and in words where that comes from.

    Args:
        model: says how large the frames must be at least.
        trained: names the benchmark that it was trained on, if it has a receipt.
        benchmark: whose `extract` is to be used instead.
    """
    name = benchmark or trained.benchmark
    try:
        params = None if name is None else load(Benchmark, Project.here().params_file("benchmarks", name))
    except ParamsError:
        if benchmark is not None:
            raise
        params = None
    if params is not None and params.source == "videos":
        return params.extract, f"frames as params/benchmarks/{name}.yaml stores them"
    how = frames_alone(model)
    size = f"frames of {how.short_side} px on the short side"
    if params is None:
        return how, f"{size}, because no benchmark says how they are stored"
    limits = {key: getattr(params.extract, key) for key in ("max_seconds", "max_frames", "max_pixels")}
    words = f"folders of frames as they are, as those of params/benchmarks/{name}.yaml; of video files {size}"
    return how.model_copy(update=limits), words


def frames_alone(model: Model) -> Extract:
    """How frames are made for a network where no benchmark says it."""
    side = max(_SHORT_SIDE, model.short_side)
    return Extract(short_side=side, jpeg_quality=_QUALITY, max_seconds=_SECONDS, max_frames=_FRAMES, max_pixels=_PIXELS)


def manifest_of(trained: Trained) -> Manifest:
    """The manifest that says what a mirrored view means."""
    name = trained.benchmark
    if name is None:
        raise EvaluationError(
            "mirrored views must come with a network whose benchmark is known, because a flip may swap its classes;"
            " name one without flips, and with crops 1, 3 or 5"
        )
    try:
        return read_manifest(Project.here(), name)
    except GsfError as error:
        raise EvaluationError(f"mirrored views: what a flip does to the classes is not known here: {error}") from error
