"""Clips out of shards: what a training and an evaluation draw from a manifest's split.

Every random draw follows from (seed, epoch, sample), so that neither workers nor a restart change a clip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from gsf.data.augment.clip import ClipTransform
from gsf.data.augment.resize import resize_short_side
from gsf.data.crops import crops
from gsf.data.sampling import Indices, segment_centres, segment_random
from gsf.data.videos import Videos
from gsf.data.views import cut_views, view_frames
from gsf.errors import DataError
from gsf.params.augment import Augment, ShortVideos
from gsf.params.protocol import Protocol


@dataclass(frozen=True)
class Drawn:
    """One training clip as it was drawn: which frames, what they go through, and the label that then holds."""

    index: int  # in the split
    frames: tuple[int, ...]
    transform: ClipTransform
    label: int


class TrainingClips(Dataset[tuple[torch.Tensor, int, int]]):
    """One augmented clip a video: `((T, 3, size, size) uint8, label, index)`.

    Index it with `(epoch, sample)`. A mirrored clip takes the label that `flipped_labels` gives for its own;
    `flipped_labels` None forbids mirroring. Boxes are cut from the frames as they are stored, and scaled once.
    """

    def __init__(
        self,
        videos: Videos,
        *,
        num_segments: int,
        size: int,
        augment: Augment,
        flipped_labels: Sequence[int] | None,
        seed: int,
    ) -> None:
        self._videos = videos
        self._num_segments = num_segments
        self._size = size
        self.augment = augment
        self._flipped_labels = flipped_labels
        self._seed = seed

    def __len__(self) -> int:
        return len(self._videos.split)

    def __getitem__(self, position: tuple[int, int]) -> tuple[torch.Tensor, int, int]:
        drawn, frames = self.load(position)
        return drawn.transform(frames), drawn.label, drawn.index

    def load(self, position: tuple[int, int]) -> tuple[Drawn, torch.Tensor]:
        """What was drawn for `(epoch, sample)`, and its frames as they are stored, `(T, 3, H, W)` uint8."""
        epoch, index = position
        generator = np.random.default_rng([self._seed, epoch, index])
        split, short = self._videos.split, self.augment.short_videos
        wanted = _sample(
            split.ids[index],
            lambda: segment_random(split.frames[index], self._num_segments, generator=generator, short=short),
        ).tolist()
        frames = self._videos.decode(index, wanted)
        transform = ClipTransform.draw(
            self.augment,
            height=frames.shape[-2],
            width=frames.shape[-1],
            size=self._size,
            may_flip=self._flipped_labels is not None,
            generator=generator,
        )
        label = split.labels[index]
        if transform.flip and self._flipped_labels is not None:
            label = self._flipped_labels[label]
        return Drawn(index, tuple(wanted), transform, label), frames


class WholeClips(Dataset[tuple[torch.Tensor, ClipTransform, int, int]]):
    """Clips with whole frames, for `augment_on_device`: `((T, 3, H, W) uint8, transform, label, index)`."""

    def __init__(self, clips: TrainingClips) -> None:
        self._clips = clips

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, position: tuple[int, int]) -> tuple[torch.Tensor, ClipTransform, int, int]:
        drawn, frames = self._clips.load(position)
        return frames, drawn.transform, drawn.label, drawn.index


class ValidationClips(Dataset[tuple[torch.Tensor, int, int]]):
    """The middle clip, centre crop: `((T, 3, size, size) uint8, label, index)`."""

    def __init__(
        self, videos: Videos, *, num_segments: int, short_side: int, size: int, short_videos: ShortVideos = "repeat"
    ) -> None:
        self._videos = videos
        self._num_segments = num_segments
        self._short_videos = short_videos
        self._short_side = short_side
        self._size = size

    def __len__(self) -> int:
        return len(self._videos.split)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int, int]:
        split = self._videos.split
        wanted = _sample(
            split.ids[index],
            lambda: segment_centres(split.frames[index], self._num_segments, short=self._short_videos),
        )
        frames = resize_short_side(self._videos.decode(index, wanted.tolist()), self._short_side)
        return crops(frames, size=self._size, count=1)[0], split.labels[index], index


class EvaluationClips(Dataset[tuple[torch.Tensor, int, int]]):
    """All views of a video: `((V, T, 3, size, size) uint8, label, index)`, view = clip * views of a clip + crop.

    Every frame that any view needs is read and decoded once.
    """

    def __init__(self, videos: Videos, *, protocol: Protocol, short_side: int, size: int) -> None:
        self._videos = videos
        self._protocol = protocol
        self._short_side = short_side
        self._size = size

    def __len__(self) -> int:
        return len(self._videos.split)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int, int]:
        views = cut_views(
            lambda needed: self._videos.decode(index, needed),
            self.frames_of(index),
            protocol=self._protocol,
            short_side=self._short_side,
            size=self._size,
        )
        return views, self._videos.split.labels[index], index

    def frames_of(self, index: int) -> Indices:
        """`(clips, T)` frames of a video, in the protocol's order."""
        split = self._videos.split
        return view_frames(self._protocol, video=split.ids[index], num_frames=split.frames[index])


def epoch_order(num_videos: int, *, seed: int, epoch: int) -> list[tuple[int, int]]:
    """The positions of one epoch of `TrainingClips`, shuffled by (seed, epoch)."""
    order = np.random.default_rng([seed, epoch]).permutation(num_videos)
    return [(epoch, int(index)) for index in order]


def _sample(video: str, take: Callable[[], Indices]) -> Indices:
    """The frames that `take` gives, with the video's name in its error."""
    try:
        return take()
    except DataError as error:
        raise DataError(f"video {video} {error}") from None
