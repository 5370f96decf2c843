"""Videos are decoded side by side, a few ahead of the network."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from gsf.errors import ShardError, VideoError
from gsf.machine import usable_cores
from gsf.params.benchmark import Extract
from gsf.predict.files import File
from gsf.predict.frames import NoRoomError, VideoFrames


@dataclass(frozen=True)
class Unread:
    """A video that has no frames, and why; `no_room`: for want of room on this machine."""

    problem: str
    no_room: bool = False


Decoded = VideoFrames | Unread


def decoded(files: Iterable[File], how: Extract) -> Iterator[tuple[str, Decoded]]:
    """The name and the frames of each file, or what is wrong with it, in order; so many are decoded ahead as cores."""
    ahead = usable_cores()
    waiting: deque[tuple[str, Future[Decoded]]] = deque()
    pool = ThreadPoolExecutor(ahead)
    try:
        for file in files:
            waiting.append((file.name, pool.submit(_decode, file, how)))
            if len(waiting) > ahead:
                name, future = waiting.popleft()
                yield name, future.result()
        while waiting:
            name, future = waiting.popleft()
            yield name, future.result()
    finally:
        pool.shutdown(cancel_futures=True)  # whoever asked may have seen enough


def _decode(file: File, how: Extract) -> Decoded:
    if file.problem is not None:
        return Unread(file.problem)
    try:
        return VideoFrames(file.path, how, name=file.name)
    except (VideoError, ShardError) as error:
        return Unread(str(error), no_room=isinstance(error, NoRoomError))
