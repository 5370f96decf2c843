"""Clips out of shards: what a training and an evaluation draw from a manifest's split.

Every random draw follows from (seed, epoch, sample), so that neither the number of workers nor a restart changes a clip.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from gsf.data.augment import ClipTransform, crops, resize_short_side
from gsf.data.sampling import dense, multi_clip, segment_centres, segment_random
from gsf.data.videos import Videos
from gsf.params.protocol import Protocol
from gsf.params.augment import Augment


class TrainingClips(Dataset[tuple[torch.Tensor, int, int]]):
    """One augmented clip a video: `((T, 3, size, size) uint8, label, index)`.

    Index it with `(epoch, sample)`. A mirrored clip takes the label that `flipped_labels` gives for its own;
    `flipped_labels` None forbids mirroring.
    """

    def __init__(
        self,
        videos: Videos,
        *,
        num_segments: int,
        short_side: int,
        size: int,
        augment: Augment,
        flipped_labels: Sequence[int] | None,
        seed: int,
    ) -> None:
        self._videos = videos
        self._num_segments = num_segments
        self._short_side = short_side
        self._size = size
        self._augment = augment
        self._flipped_labels = flipped_labels
        self._seed = seed

    def __len__(self) -> int:
        return len(self._videos.split)

    def __getitem__(self, position: tuple[int, int]) -> tuple[torch.Tensor, int, int]:
        epoch, index = position
        generator = np.random.default_rng([self._seed, epoch, index])
        split = self._videos.split
        wanted = segment_random(split.frames[index], self._num_segments, generator=generator)
        frames = resize_short_side(self._videos.decode(index, wanted.tolist()), self._short_side)
        height, width = frames.shape[-2:]
        transform = ClipTransform.draw(
            self._augment,
            height=height,
            width=width,
            size=self._size,
            may_flip=self._flipped_labels is not None,
            generator=generator,
        )
        label = split.labels[index]
        if transform.flip and self._flipped_labels is not None:
            label = self._flipped_labels[label]
        return transform(frames), label, index


class ValidationClips(Dataset[tuple[torch.Tensor, int, int]]):
    """The middle clip, centre crop: `((T, 3, size, size) uint8, label, index)`."""

    def __init__(self, videos: Videos, *, num_segments: int, short_side: int, size: int) -> None:
        self._videos = videos
        self._num_segments = num_segments
        self._short_side = short_side
        self._size = size

    def __len__(self) -> int:
        return len(self._videos.split)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int, int]:
        split = self._videos.split
        wanted = segment_centres(split.frames[index], self._num_segments)
        frames = resize_short_side(self._videos.decode(index, wanted.tolist()), self._short_side)
        return crops(frames, size=self._size, count=1)[0], split.labels[index], index


class EvaluationClips(Dataset[tuple[torch.Tensor, int, int]]):
    """All views of a video: `((V, T, 3, size, size) uint8, label, index)`, view = clip * crops + crop.

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
        split, protocol = self._videos.split, self._protocol
        sample = dense if protocol.sampling == "dense" else multi_clip
        wanted = sample(split.frames[index], protocol.frames, clips=protocol.clips)  # (clips, T)
        frames = resize_short_side(self._videos.decode(index, wanted.ravel().tolist()), self._short_side)
        clips = frames.view(*wanted.shape, *frames.shape[1:])  # (clips, T, 3, H, W)
        views = torch.stack(crops(clips, size=self._size, count=protocol.crops), dim=1)  # (clips, crops, T, 3, s, s)
        return views.flatten(0, 1), split.labels[index], index


def epoch_order(num_videos: int, *, seed: int, epoch: int) -> list[tuple[int, int]]:
    """The positions of one epoch of `TrainingClips`, shuffled by (seed, epoch)."""
    order = np.random.default_rng([seed, epoch]).permutation(num_videos)
    return [(epoch, int(index)) for index in order]
