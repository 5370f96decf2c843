"""Read every frame of a shard and compare it with what the shard, and the plan behind it, say."""

from __future__ import annotations

from pathlib import Path

from gsf.errors import ShardError
from gsf.store.layout import FramesDigest
from gsf.store.plan import read_plan
from gsf.store.reader import ShardReader


def check_shard(path: Path, plan: Path | None = None) -> list[str]:
    """Problems found, each naming the video; empty where every frame is what was written.

    With a plan, a video that only one of the two knows is a problem too. One that the stage had to exclude counts as
    missing here: compare with `extracted/SS.csv`.
    """
    reader = ShardReader(path)
    problems: list[str] = []
    try:
        ids = list(reader)
        for video_id in ids:
            try:
                problems += _check_video(reader, video_id)
            except ShardError as error:
                problems.append(str(error))
    except (ShardError, UnicodeDecodeError) as error:
        return [str(error)]
    finally:
        reader.close()
    if plan is not None:
        planned = {video.id for video in read_plan(plan) if not video.problem}
        problems += [f"{path}: video {name}: is not in {plan}" for name in ids if name not in planned]
        problems += [f"{path}: video {name}: is in {plan}, not here" for name in sorted(planned - set(ids))]
    return problems


def _check_video(reader: ShardReader, video_id: str) -> list[str]:
    frames = reader[video_id]
    digest = FramesDigest()
    for frame in frames.read():
        digest.add(frame)
    if digest.hexdigest() != frames.description.sha256:
        return [f"{reader.path}: video {video_id}: its frames are not those that were extracted"]
    return []
