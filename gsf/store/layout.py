"""Keys and values of a shard, shared by writer and reader.

A video has one description and one entry a frame. Ids hold no NUL byte, so keys sort as ids do:

    <id> 00              {"bytes": 81920, "frames": 42, "height": 72, "sha256": "...", "width": 96}
    <id> 00 00000000     JPEG bytes of frame 0
    <id> 00 00000001     JPEG bytes of frame 1
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from gsf.errors import ShardError
from gsf.provenance.hashing import canonical_json

# py-lmdb 3 bundles two engines with two file formats; 0 is the one that every LMDB reads.
ENGINE: dict[str, Any] = {"lib_version": 0} if int(version("lmdb").split(".")[0]) >= 3 else {}


Encoded = bytes  # `Description` has a field of that name


@dataclass(frozen=True)
class Description:
    """What a shard says of one video."""

    frames: int
    width: int
    height: int
    bytes: int  # of all frames
    sha256: str  # over length and bytes of each frame in order

    def encode(self) -> Encoded:
        return canonical_json(asdict(self))

    @classmethod
    def decode(cls, data: Encoded, *, where: str) -> Description:
        try:
            return cls(**json.loads(data))
        except (ValueError, TypeError) as error:
            raise ShardError(f"{where}: its description is damaged ({error}); run the extract stage again") from error


def video_key(video_id: str) -> bytes:
    return video_id.encode("utf-8") + b"\0"


def frame_key(video_id: str, index: int) -> bytes:
    return video_key(video_id) + b"%08d" % index


class FramesDigest:
    """sha256 over length (8 bytes, big-endian) and bytes of each frame in order."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, frame: bytes) -> None:
        self._hash.update(len(frame).to_bytes(8, "big"))
        self._hash.update(frame)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


class LogicalDigest:
    """sha256 over (key length, key, value length, value) in key order: what a shard holds, whatever the engine did."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, key: bytes, value: bytes) -> None:
        for part in (key, value):
            self._hash.update(len(part).to_bytes(8, "big"))
            self._hash.update(part)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
