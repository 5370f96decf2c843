"""The videos of a split, and their frames out of the shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from gsf.data.decode import decode_frames
from gsf.errors import ShardError
from gsf.store.reader import Frames, ShardReader


@dataclass(frozen=True)
class Split:
    """The videos of one split, as columns."""

    ids: Sequence[str]
    labels: Sequence[int]
    frames: Sequence[int]
    shards: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)


class Videos:
    """The frames behind a split; shards are opened when first read, once a process."""

    def __init__(self, split: Split, shard_paths: Mapping[str, Path]) -> None:
        self.split = split
        self._readers = {shard: ShardReader(path) for shard, path in shard_paths.items()}

    def frames_of(self, index: int) -> Frames:
        """The encoded frames of a video; ShardError where they are not as many as the manifest says."""
        video, shard = self.split.ids[index], self.split.shards[index]
        frames = self._readers[shard][video]
        if len(frames) != self.split.frames[index]:
            raise ShardError(
                f"shard {shard}: video {video} has {len(frames)} frames, the manifest says {self.split.frames[index]};"
                " run the manifest stage again"
            )
        return frames

    def decode(self, index: int, wanted: Sequence[int]) -> torch.Tensor:
        """`(len(wanted), 3, H, W)` uint8, channels last in memory; a frame that is wanted twice is decoded once."""
        video, needed = self.split.ids[index], sorted(set(wanted))
        jpegs = self.frames_of(index).read_many(needed)
        decoded = decode_frames(jpegs, names=[f"video {video}, frame {frame}" for frame in needed])
        if list(wanted) == needed:
            return decoded
        position = {frame: row for row, frame in enumerate(needed)}
        return decoded[[position[frame] for frame in wanted]]
