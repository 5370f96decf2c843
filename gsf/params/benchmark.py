"""`params/benchmarks/*.yaml`: a set of labelled videos and how its frames are stored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gsf.params.base import Strict

Pair = Annotated[list[str], Field(min_length=2, max_length=2)]


class Extract(Strict):
    """How frames are stored; a change rebuilds every shard."""

    short_side: int = Field(ge=16, le=2160)  # px; frames keep their aspect ratio
    jpeg_quality: int = Field(ge=2, le=31)  # ffmpeg -q:v, 2 (best) .. 31
    max_seconds: float = Field(gt=0, strict=False)  # wall clock for decoding one video
    max_frames: int = Field(ge=1)  # a video with more is unreadable
    max_pixels: int = Field(ge=256)  # width x height of the source


class Labels(Strict):
    """What a horizontal flip, or time run backwards, does to the classes."""

    flip: Literal["swap", "forbid", "free"]  # swap the pairs below, never flip, or flip without harm
    flip_pairs: list[Pair] = Field(default_factory=list)
    reversal_pairs: list[Pair] = Field(default_factory=list)  # for `pair_accuracy`

    @model_validator(mode="after")
    def _consistent(self) -> Labels:
        for name, pairs in (("flip_pairs", self.flip_pairs), ("reversal_pairs", self.reversal_pairs)):
            names = [label for pair in pairs for label in pair]
            twice = sorted({label for label in names if names.count(label) > 1})
            if twice:
                raise ValueError(f"disjoint: {name} names {', '.join(twice)} more than once")
        if self.flip_pairs and self.flip != "swap":
            raise ValueError(f"without flip_pairs where flip is {self.flip}")
        return self


class Render(Strict):
    """The built-in benchmark's own first stage."""

    seed: int = Field(ge=0)
    width: int = Field(ge=32, le=1024, multiple_of=2)  # px
    height: int = Field(ge=32, le=1024, multiple_of=2)  # px
    fps: int = Field(ge=1, le=120)
    min_frames: int = Field(ge=8)
    max_frames: int = Field(ge=8)
    clips_per_class: dict[Literal["train", "val", "test"], Annotated[int, Field(ge=1)]]


class Benchmark(Strict):
    """One benchmark file."""

    name: str
    videos: str  # folder of the videos, relative to the project or absolute
    annotations: str  # CSV `path,label,split`, relative to the project
    shards: int = Field(ge=1, le=64)  # LMDB files; DVC's cost grows with the square of the stages
    on_unreadable: Literal["stop", "exclude"] = "stop"
    render: Render | None = None
    extract: Extract
    labels: Labels
