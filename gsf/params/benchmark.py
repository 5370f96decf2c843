"""`params/benchmarks/*.yaml`: a set of labelled videos and how its frames are stored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gsf.params.base import Strict

Pair = Annotated[list[str], Field(min_length=2, max_length=2)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Format = Literal["ssv1", "ssv2", "kinetics400", "diving48", "epic100", "ucf101"]
Target = Literal["action", "verb", "noun"]


class Extract(Strict):
    """How frames are stored; a change rebuilds every shard."""

    short_side: int | None = Field(default=None, ge=16, le=2160)  # px; frames keep their aspect ratio
    jpeg_quality: int | None = Field(default=None, ge=2, le=31)  # ffmpeg -q:v, 2 (best) .. 31
    fps: float | None = Field(default=None, gt=0, le=240, strict=False)  # frames a second that are kept; null: all
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


class Published(Strict):
    """Annotations as a benchmark's authors published them: stage `annotate` reads them."""

    format: Format
    files: str  # folder of the published files, relative to the project or absolute
    sha256: dict[str, Sha256] = Field(min_length=1)  # the files in it that are read, and what they must be
    split: Literal[1, 2, 3] | None = None  # UCF101 alone: which of its three
    target: Target | None = None  # EPIC-KITCHENS-100 alone: what the label is
    val_share: float = Field(default=0.0, ge=0, lt=0.5, strict=False)  # of the training videos, held out to watch it

    @model_validator(mode="after")
    def _options_fit(self) -> Published:
        for key, value, owner in (("split", self.split, "ucf101"), ("target", self.target, "epic100")):
            if (value is not None) != (self.format == owner):
                raise ValueError(f"with {key} for {owner}, and without it for every other format")
        wrong = [name for name in self.sha256 if "/" in name or "\\" in name or name.startswith(".")]
        if wrong:
            raise ValueError(f"with names of files in sha256, not {wrong[0]!r}")
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
    source: Literal["videos", "jpeg_folders"] = "videos"  # jpeg_folders: a folder of JPEG frames a video
    annotations: str  # CSV `path,label,split`, relative to the project
    published: Published | None = None
    additions: str | None = None  # CSV `path,batch`: videos added later, which get shards of their own
    shards: int = Field(ge=1, le=64)  # LMDB files; DVC's cost grows with the square of the stages
    on_missing: Literal["stop", "exclude"] = "stop"  # annotated videos that are not in the folder
    on_unreadable: Literal["stop", "exclude"] = "stop"
    render: Render | None = None
    extract: Extract
    labels: Labels

    @model_validator(mode="after")
    def _annotated_where_the_stage_writes(self) -> Benchmark:
        if self.published is not None:
            if self.render is not None:
                raise ValueError("without render where annotations are published")
            written = f"data/{self.name}/annotated/annotations.csv"
            if self.annotations != written:
                raise ValueError(f"with annotations: {written}, where stage annotate writes them")
        return self

    @model_validator(mode="after")
    def _stored_as_they_are(self) -> Benchmark:
        how = {key: getattr(self.extract, key) for key in ("short_side", "jpeg_quality", "fps")}
        if self.source == "jpeg_folders" and any(how.values()):
            raise ValueError(f"without extract.{', extract.'.join(key for key in how if how[key])} for jpeg_folders")
        if self.source == "videos" and not (self.extract.short_side and self.extract.jpeg_quality):
            raise ValueError("with extract.short_side and extract.jpeg_quality")
        return self
