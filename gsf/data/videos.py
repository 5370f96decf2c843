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
    """The rows of one split, as columns: whole videos, or segments `[start, start + frames)` of what is stored.

    Without `videos` and `starts` every row is a whole video, stored under its id.
    """

    ids: Sequence[str]
    labels: Sequence[int]
    frames: Sequence[int]
    shards: Sequence[str]
    videos: Sequence[str] | None = None  # the key in the shard
    starts: Sequence[int] | None = None  # first stored frame; None: 0, and `frames` is all that is stored

    def __len__(self) -> int:
        return len(self.ids)

    def place(self, index: int) -> tuple[str, int]:
        """Where a row lies in its shard: key of the video, first frame."""
        video = self.ids[index] if self.videos is None else self.videos[index]
        return video, 0 if self.starts is None else self.starts[index]

    def is_whole(self, index: int) -> bool:
        """Whether a row is a whole video: those of segments have another id than their video."""
        return self.videos is None or self.videos[index] == self.ids[index]


class Videos:
    """The frames behind a split; shards are opened when first read, once a process."""

    def __init__(self, split: Split, shard_paths: Mapping[str, Path]) -> None:
        self.split = split
        self._readers = {shard: ShardReader(path) for shard, path in shard_paths.items()}

    def frames_of(self, index: int) -> Frames:
        """The encoded frames of the video behind a row; ShardError where it lacks some of those of the row."""
        split = self.split
        shard, count = split.shards[index], split.frames[index]
        video, start = split.place(index)
        stored = self._readers[shard][video]
        if len(stored) < start + count or (split.is_whole(index) and len(stored) != count):
            needed = f"{count}" if split.is_whole(index) else f"{start} to {start + count} of it for {split.ids[index]}"
            raise ShardError(
                f"shard {shard}: video {video} has {len(stored)} frames, the manifest says {needed};"
                " run the manifest stage again"
            )
        return stored

    def decode(self, index: int, wanted: Sequence[int]) -> torch.Tensor:
        """`(len(wanted), 3, H, W)` uint8, channels last in memory.

        Frames count from the row's first; one that is wanted twice is decoded once.
        """
        name, count, needed = self.split.ids[index], self.split.frames[index], sorted(set(wanted))
        if needed and not 0 <= needed[0] <= needed[-1] < count:
            raise IndexError(f"video {name}: frame {needed[-1] if needed[0] >= 0 else needed[0]} of {count}")
        _, start = self.split.place(index)
        jpegs = self.frames_of(index).read_many([start + frame for frame in needed])
        decoded = decode_frames(jpegs, names=[f"video {name}, frame {frame}" for frame in needed])
        if list(wanted) == needed:
            return decoded
        position = {frame: row for row, frame in enumerate(needed)}
        return decoded[[position[frame] for frame in wanted]]
