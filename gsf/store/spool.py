"""Finished videos of an unfinished extraction: one file a video, written atomically, so that a kill loses none.

A spool file is the frames' JPEG bytes one after the other, then their lengths, then a description, then the size of
those two: what came last is written last, so memory stays flat while frames arrive.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from gsf.provenance.hashing import sha256_bytes
from gsf.store.layout import Description, FramesDigest
from gsf.video.jpeg import jpeg_size

_TAIL = 8  # bytes: size of the trailer, big-endian


@dataclass(frozen=True)
class Spooled:
    """A finished video in a spool file."""

    path: Path
    lengths: tuple[int, ...]
    description: Description

    def read(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            for length in self.lengths:
                yield file.read(length)


def _whole(video: Spooled) -> bool:
    """Whether the frames are those that were written; a machine that lost its power may have lost some."""
    digest = FramesDigest()
    for frame in video.read():
        digest.add(frame)
    return digest.hexdigest() == video.description.sha256


class Spool:
    """The finished videos of one shard, found again by what determines their frames."""

    def __init__(self, folder: Path, recipe: str) -> None:
        self._folder, self._recipe = folder, recipe
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, video_id: str, sha256: str) -> Spooled | None:
        """The video, if an earlier run finished it from the same bytes in the same way."""
        path = self._path(video_id, sha256)
        try:
            with path.open("rb") as file:
                file.seek(-_TAIL, os.SEEK_END)
                size = int.from_bytes(file.read(_TAIL), "big")
                file.seek(-_TAIL - size, os.SEEK_END)
                trailer = json.loads(file.read(size))
            found = Spooled(path, tuple(trailer["lengths"]), Description(**trailer["description"]))
            return found if _whole(found) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, video_id: str, sha256: str, frames: Iterable[bytes]) -> Spooled:
        """Write the frames of a video as they arrive."""
        path = self._path(video_id, sha256)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        lengths: list[int] = []
        digest, size = FramesDigest(), (0, 0)
        try:
            with temporary.open("wb") as file:
                for frame in frames:
                    if not lengths:
                        size = jpeg_size(frame, name=video_id)
                    digest.add(frame)
                    lengths.append(len(frame))
                    file.write(frame)
                description = Description(
                    frames=len(lengths), width=size[0], height=size[1], bytes=sum(lengths), sha256=digest.hexdigest()
                )
                trailer = json.dumps({"lengths": lengths, "description": asdict(description)}).encode()
                file.write(trailer)
                file.write(len(trailer).to_bytes(_TAIL, "big"))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return Spooled(path, tuple(lengths), description)

    def _path(self, video_id: str, sha256: str) -> Path:
        return self._folder / sha256_bytes("\0".join((video_id, sha256, self._recipe)).encode())
