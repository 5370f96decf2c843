"""Read every frame of a shard and compare it with what the shard says of itself."""

from __future__ import annotations

from pathlib import Path

from gsf.errors import ShardError
from gsf.store.layout import FramesDigest
from gsf.store.reader import ShardReader


def check_shard(path: Path) -> list[str]:
    """Problems found, each naming the video; empty where every frame is what was written."""
    reader = ShardReader(path)
    problems: list[str] = []
    try:
        ids = list(reader)
    except (ShardError, UnicodeDecodeError) as error:
        return [str(error)]
    for video_id in ids:
        try:
            problems += _check_video(reader, video_id)
        except ShardError as error:
            problems.append(str(error))
    reader.close()
    return problems


def _check_video(reader: ShardReader, video_id: str) -> list[str]:
    frames = reader[video_id]
    digest = FramesDigest()
    for frame in frames.read():
        digest.add(frame)
    if digest.hexdigest() != frames.description.sha256:
        return [f"{reader.path}: video {video_id}: its frames are not those that were extracted"]
    return []
