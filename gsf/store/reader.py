"""Read frames from a shard."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import lmdb

from gsf.errors import ShardError
from gsf.store.layout import ENGINE, Description, LogicalDigest, frame_key, video_key
from gsf.store.lmdb_file import check_size


class Frames(Sequence[bytes]):
    """The encoded frames of one video, read one by one when asked for."""

    def __init__(self, reader: ShardReader, video_id: str, description: Description) -> None:
        self._reader, self._video_id, self.description = reader, video_id, description
        self.width, self.height = description.width, description.height

    def __len__(self) -> int:
        return self.description.frames

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"video {self._video_id}: frame {index} of {len(self)}")
        return self._reader.frame(self._video_id, position)

    def read_many(self, indices: Sequence[int]) -> list[bytes]:
        """The frames at these positions, in one transaction."""
        for index in indices:
            if not 0 <= index < len(self):
                raise IndexError(f"video {self._video_id}: frame {index} of {len(self)}")
        return self._reader.frames(self._video_id, indices)

    def read(self) -> Iterator[bytes]:
        """All frames in order, one at a time."""
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"Frames({self._video_id!r}, {len(self)} frames of {self.width} x {self.height})"


# LMDB forbids to open a file twice in a process, by whatever name, and an environment must not cross a fork.
_Place = tuple[int, int]  # device, inode
_open: dict[_Place, Any] = {}


def _close_all() -> None:
    for environment in _open.values():
        environment.close()
    _open.clear()


# Without locks, closing touches the child's own mapping and file only: the parent reads on.
os.register_at_fork(after_in_child=_close_all)


class ShardReader:
    """`reader[video_id]` gives the frames of a video. The file is opened when first read, once a process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __getitem__(self, video_id: str) -> Frames:
        data = self._get(video_key(video_id))
        if data is None:
            raise ShardError(f"{self.path}: holds no video {video_id}; run the extract and manifest stages again")
        return Frames(self, video_id, Description.decode(data, where=f"{self.path}: video {video_id}"))

    def __contains__(self, video_id: str) -> bool:
        return self._get(video_key(video_id)) is not None

    def __iter__(self) -> Iterator[str]:
        for key, _ in self.entries():
            if key.endswith(b"\0"):
                yield key[:-1].decode("utf-8")

    def frame(self, video_id: str, index: int) -> bytes:
        """The JPEG bytes of one frame."""
        return self.frames(video_id, [index])[0]

    def frames(self, video_id: str, indices: Sequence[int]) -> list[bytes]:
        """The JPEG bytes of several frames."""
        found = []
        with self._guarded(), self._environment().begin() as transaction:
            for index in indices:
                data = transaction.get(frame_key(video_id, index))
                if data is None:
                    raise ShardError(
                        f"{self.path}: frame {index} of video {video_id} is missing;"
                        f" run `gsf verify --deep {self.path}`"
                    )
                found.append(bytes(data))
        return found

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Every key and value in key order."""
        with self._guarded(), self._environment().begin() as transaction:
            for key, value in transaction.cursor():
                yield bytes(key), bytes(value)

    def logical_digest(self) -> str:
        """Digest of what the shard holds, independent of how LMDB laid it out; reads all of it."""
        digest = LogicalDigest()
        for key, value in self.entries():
            digest.add(key, value)
        return digest.hexdigest()

    def close(self) -> None:
        """Close the file in this process, for example before it is replaced."""
        if self.path.is_file() and (environment := _open.pop(self._place(), None)) is not None:
            environment.close()

    def _get(self, key: bytes) -> bytes | None:
        with self._guarded(), self._environment().begin() as transaction:
            value = transaction.get(key)
            return None if value is None else bytes(value)

    def _environment(self) -> Any:
        place = self._place()
        if place not in _open:
            inherited = [other for other in _open if other[0] != os.getpid()]
            for other in inherited:  # of the process that this one was forked from
                _open.pop(other).close()
            check_size(self.path)
            _open[place] = lmdb.open(
                str(self.path), subdir=False, readonly=True, lock=False, readahead=False, max_spare_txns=8, **ENGINE
            )
        return _open[place]

    def _place(self) -> _Place:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            raise ShardError(f"{self.path}: no such shard; run its extract stage, or `dvc pull`") from None
        return found.st_dev, found.st_ino

    def _guarded(self) -> _Guard:
        return _Guard(self.path)


class _Guard:
    """Turns LMDB's errors into ours, with the file's name."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, lmdb.Error):
            raise ShardError(f"{self._path}: is damaged ({error}); run its extract stage again") from error
