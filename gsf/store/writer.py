"""Write a shard whose bytes follow from what it holds.

Sorted keys, appended; a fixed number of entries a transaction; a map size computed from the content; memory cleared
before use; written under a temporary name, synced and renamed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import lmdb

from gsf.errors import ShardError
from gsf.store.layout import ENGINE, Description, FramesDigest, LogicalDigest, frame_key, video_key

_PUTS_A_TRANSACTION = 1024
_PAGE = 4096  # bytes


class StoredVideo(Protocol):
    """Where the writer gets a video from: a spool file, or an earlier version of the shard."""

    @property
    def description(self) -> Description: ...

    def read(self) -> Iterator[bytes]:
        """The frames in order, one at a time."""


def write_shard(path: Path, videos: Sequence[tuple[str, StoredVideo]]) -> str:
    """Write the videos, sorted by the UTF-8 bytes of their ids, to one LMDB file; returns its logical digest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    digest = LogicalDigest()
    try:
        environment = lmdb.open(
            str(temporary), subdir=False, lock=False, meminit=True, map_size=_map_size(videos), **ENGINE
        )
        try:
            transaction = environment.begin(write=True)
            for count, (key, value) in enumerate(_entries(videos), start=1):
                transaction.put(key, value, append=True)
                digest.add(key, value)
                if count % _PUTS_A_TRANSACTION == 0:
                    transaction.commit()
                    transaction = environment.begin(write=True)
            transaction.commit()
            environment.sync(True)
        finally:
            environment.close()
        temporary.replace(path)
    except lmdb.Error as error:
        raise ShardError(
            f"{path}: cannot be written ({error}); make room, check the disk, and run the stage again"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return digest.hexdigest()


def _entries(videos: Sequence[tuple[str, StoredVideo]]) -> Iterator[tuple[bytes, bytes]]:
    for video_id, video in sorted(videos, key=lambda item: item[0].encode("utf-8")):
        yield video_key(video_id), video.description.encode()
        found = FramesDigest()
        for index, frame in enumerate(video.read()):
            found.add(frame)
            yield frame_key(video_id, index), frame
        if found.hexdigest() != video.description.sha256:
            raise ShardError(
                f"video {video_id}: its frames in the work folder are damaged, must be those that were decoded;"
                " remove the folder `.work/extract` and run the extract stage again"
            )


def _map_size(videos: Sequence[tuple[str, StoredVideo]]) -> int:
    """An upper bound of the file's size: each frame may open a page, each page may need its share of the tree."""
    pages = 64
    for _, video in videos:
        pages += 2 * (video.description.frames + 1) + 2 * (video.description.bytes // _PAGE + 1)
    return pages * _PAGE
