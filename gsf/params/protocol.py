"""`params/protocols/*.yaml`: how a clip is looked at when a network is evaluated."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gsf.params.augment import ShortVideos
from gsf.params.base import Strict

# Another order than forward asks what a network makes of time; see gsf.data.order.
Time = Literal["forward", "reversed", "shuffled", "frozen"]


class Protocol(Strict):
    """One protocol file, named frames x clips x crops."""

    name: str
    frames: int = Field(ge=1, le=128)  # a clip; must be the model's num_segments
    clips: int = Field(ge=1, le=100)  # evenly spaced
    crops: Literal[1, 3, 5, 10]  # 1: centre; 3: along the longer side; 5: corners, centre; 10: these, mirrored too
    flips: bool = False  # every crop mirrored too (10 crops are mirrored already)
    sampling: Literal["segments", "dense"] = "segments"
    short_videos: ShortVideos = "repeat"  # with fewer frames than a clip: frames repeat, clips wrap around, or error
    time: Time = "forward"  # order of a clip's frames: backwards, in a fixed disorder, or the middle one repeated
    time_seed: int = Field(default=0, ge=0)  # of the disorder, with the video's id
    average: Literal["logits", "probabilities"] = "logits"  # over clips and crops
    batch_size: int = Field(default=32, ge=1)  # views of one forward pass

    @property
    def mirrored(self) -> bool:
        """Whether some views are mirrored: the second half of the views of each clip."""
        return self.flips or self.crops == 10

    @property
    def views(self) -> int:
        """Views of a clip, the mirrored ones included."""
        return self.crops * 2 if self.flips else self.crops

    @model_validator(mode="after")
    def _mirrored_once(self) -> Protocol:
        if self.flips and self.crops == 10:
            raise ValueError("flips: false with crops: 10, which are mirrored already")
        return self
