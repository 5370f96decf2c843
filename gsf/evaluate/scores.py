"""Scores on disk: the logits of every view of every video, from which any metric can be computed again.

A safetensors file with the tensors `logits` (float32, videos x views x classes) and `labels` (int64, videos). Its one
metadata key `gsf` holds the rest as canonical JSON: several keys would be written in random order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gsf.errors import EvaluationError
from gsf.provenance.hashing import canonical_json, write_atomically

Average = Literal["logits", "probabilities"]
Array = npt.NDArray[Any]

_FIELDS = {"ids", "classes", "clips", "crops", "average"}


@dataclass(frozen=True, eq=False)
class Scores:
    """Logits of N videos, V views each, over C classes.

    Attributes:
        ids: video ids, in manifest order.
        classes: names, in the order of the logits.
        labels: int64 (N,), index of the true class.
        logits: float32 (N, V, C); view = clip * crops + crop.
        clips: clips of a video.
        crops: views of a clip; a mirrored crop is one more.
        average: what is averaged over the views of a video.
    """

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    labels: Array
    logits: Array
    clips: int
    crops: int
    average: Average

    def __repr__(self) -> str:
        videos, views, classes = self.logits.shape
        return f"Scores({videos} videos, {self.clips}x{self.crops} = {views} views, {classes} classes, {self.average})"

    @property
    def views(self) -> int:
        return self.clips * self.crops

    def check(self, *, where: str) -> Scores:
        """Return these scores if they hold together, else raise EvaluationError naming `where` and the rule."""
        shape = (len(self.ids), self.views, len(self.classes))
        index = self.labels
        rules = [
            (bool(self.ids), "holds no video, must hold at least one"),
            (bool(self.classes), "holds no class, must hold at least one"),
            (self.clips >= 1 and self.crops >= 1, f"clips x crops is {self.clips}x{self.crops}, must be at least 1x1"),
            (self.average in get_args(Average), f"average is {self.average!r}, must be logits or probabilities"),
            (len(set(self.ids)) == len(self.ids), f"video {_repeated(self.ids)} is there twice, must be once"),
            (len(set(self.classes)) == len(self.classes), f"{_repeated(self.classes)} is there twice, must be once"),
            (self.logits.dtype == np.float32, f"logits are {self.logits.dtype}, must be float32"),
            (self.logits.shape == shape, f"logits have shape {self.logits.shape}, must be (N, V, C) = {shape}"),
            (index.dtype == np.int64, f"labels are {index.dtype}, must be int64"),
            (index.shape == shape[:1], f"labels have shape {index.shape}, must be {shape[:1]}: one a video"),
        ]
        for holds, rule in rules:
            if not holds:
                raise EvaluationError(f"{where}: {rule}")
        outside = np.flatnonzero((index < 0) | (index >= len(self.classes)))
        if outside.size:
            video, label = self.ids[outside[0]], index[outside[0]]
            raise EvaluationError(f"{where}: video {video} has label {label}, must be in 0..{len(self.classes) - 1}")
        wrong = np.flatnonzero(~np.isfinite(self.logits).all(axis=(1, 2)))
        if wrong.size:
            raise EvaluationError(
                f"{where}: video {self.ids[wrong[0]]} has logits that are not finite ({wrong.size} such videos), must"
                " be finite: the training diverged; look at its curves and lower the learning rate"
            )
        return self


def write_scores(path: Path, scores: Scores) -> None:
    """Write scores atomically; the same scores always give the same bytes."""
    scores.check(where=str(path))
    rest = {
        "ids": list(scores.ids),
        "classes": list(scores.classes),
        "clips": scores.clips,
        "crops": scores.crops,
        "average": scores.average,
    }
    tensors = {
        "logits": np.ascontiguousarray(scores.logits),
        "labels": np.ascontiguousarray(scores.labels),
    }
    write_atomically(path, save(tensors, metadata={"gsf": canonical_json(rest).decode("utf-8")}))


def read_scores(path: Path) -> Scores:
    """Read and check scores; EvaluationError where the file is absent, damaged or contradicts itself."""
    if not path.is_file():
        raise EvaluationError(f"{path}: no such scores; run the evaluation that writes them, or `dvc pull`")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (not a mapping)
    except SafetensorError as error:
        raise EvaluationError(f"{path}: cannot be read ({error}), must be a safetensors file") from error
    if set(tensors) != {"logits", "labels"} or set(metadata) != {"gsf"}:
        found = f"tensors {sorted(tensors)} and metadata {sorted(metadata)}"
        raise EvaluationError(f"{path}: holds {found}, must hold logits, labels and the metadata key gsf")
    rest = _parse(metadata["gsf"], where=str(path))
    return Scores(
        ids=tuple(rest["ids"]),
        classes=tuple(rest["classes"]),
        labels=tensors["labels"],
        logits=tensors["logits"],
        clips=rest["clips"],
        crops=rest["crops"],
        average=cast(Average, rest["average"]),
    ).check(where=str(path))


def _parse(text: str, *, where: str) -> dict[str, Any]:
    try:
        rest = json.loads(text)
    except ValueError as error:
        raise EvaluationError(f"{where}: metadata gsf is not JSON: {error}") from error
    if not isinstance(rest, dict) or set(rest) != _FIELDS:
        raise EvaluationError(f"{where}: metadata gsf must be a mapping with the keys {', '.join(sorted(_FIELDS))}")
    for key in ("ids", "classes"):
        if not (isinstance(rest[key], list) and all(isinstance(name, str) for name in rest[key])):
            raise EvaluationError(f"{where}: {key} must be a list of names")
    for key in ("clips", "crops"):
        if type(rest[key]) is not int:
            raise EvaluationError(f"{where}: {key} is {rest[key]!r}, must be a whole number")
    return rest


def _repeated(names: tuple[str, ...]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""
