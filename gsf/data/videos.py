"""The videos of a split, and their frames out of the shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import torch

from gsf.data.decode import decode_frame
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

    def frames_of(self, index: int) -> Sequence[bytes]:
        """The encoded frames of a row, read when asked for; ShardError where the shard lacks some of them."""
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
        return stored if len(stored) == count else _Segment(stored, start, count)

    def decode(self, index: int, wanted: Sequence[int]) -> torch.Tensor:
        """`(len(wanted), 3, H, W)` uint8; frames count from the row's first, and one wanted twice is decoded once."""
        frames = self.frames_of(index)
        name = self.split.ids[index]
        decoded = {i: decode_frame(frames[i], where=f"video {name}, frame {i}") for i in sorted(set(wanted))}
        return torch.stack([decoded[i] for i in wanted])


class _Segment(Sequence[bytes]):
    """Some of the frames of a video, counted from the first of them."""

    def __init__(self, stored: Frames, start: int, count: int) -> None:
        self._stored, self._frames = stored, range(start, start + count)

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self._stored[i] for i in self._frames[index]]
        return self._stored[self._frames[index]]
