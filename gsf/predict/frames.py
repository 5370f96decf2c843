"""The frames of one video, decoded as the extract stage does and kept in a temporary file."""

from __future__ import annotations

import errno
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import torch

from gsf.data.decode import decode_frames
from gsf.errors import ShardError, VideoError
from gsf.params.benchmark import Extract
from gsf.store.decode import file_frames
from gsf.video.folders import folder_frames, picture_names
from gsf.video.probe import probe

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NoRoomError(VideoError):
    """Nothing is wrong with a video: this machine has no room for its frames."""


class VideoFrames:
    """JPEG frames as a shard would hold them, on the disk: memory grows by 8 bytes a frame, and readers may share one.

    Args:
        path: a video file, or a folder of numbered JPEG frames, which stay as they are.
        how: says how the frames of a file are made, and the limits for both.
        name: what errors call it.

    Raises:
        NoRoomError: there is no room for the frames.
        VideoError: the video cannot be read and decoded as a whole within the limits.
    """

    def __init__(self, path: Path, how: Extract, *, name: str) -> None:
        self.name = name
        self.rate: Fraction | None = None  # frames a second
        self._ends = array("q", [0])
        with _refusals(name):
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  (as long as the object)
            try:
                if path.is_dir():
                    self._keep(_pictures(path, how, name=name))
                    return
                if not path.is_file():
                    said = "no file" if path.exists() else "not there"
                    raise VideoError(f"{name}: is {said}, must be a video file, or a folder of JPEG frames")
                found = probe(path, name=name, max_pixels=how.max_pixels)
                self.rate = found.fps if how.fps is None else Fraction(repr(how.fps))
                self._keep(file_frames(how, path, name=name))
            except BaseException:
                self.close()
                raise

    def _keep(self, jpegs: Iterable[bytes]) -> None:
        for jpeg in jpegs:
            self._file.write(jpeg)
            self._ends.append(self._ends[-1] + len(jpeg))
        self._file.flush()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def decode(self, indices: Sequence[int]) -> torch.Tensor:
        """`(len(indices), 3, H, W)` uint8.

        Raises:
            VideoError: frames of different sizes, or one that is damaged.
        """
        with _refusals(self.name):
            jpegs = [
                os.pread(self._file.fileno(), self._ends[index + 1] - self._ends[index], self._ends[index])
                for index in indices
            ]
        try:
            return decode_frames(jpegs, names=[f"{self.name}, frame {index}" for index in indices])
        except ShardError as error:
            words, _, _ = str(error).partition("; run `gsf verify")  # there is no shard to be verified
            raise VideoError(words) from None

    def close(self) -> None:
        with suppress(OSError):  # what is still to be written finds no room
            self._file.close()


def _pictures(folder: Path, how: Extract, *, name: str) -> Iterator[bytes]:
    for item in picture_names(folder, name=name):
        (folder / item).open("rb").close()  # one that may not be read is named here, and not by the process that checks
    yield from folder_frames(
        folder, name=name, max_frames=how.max_frames, max_pixels=how.max_pixels, max_seconds=how.max_seconds
    )


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    """What the system refuses is said of the video."""
    try:
        yield
    except OSError as error:
        words = error.strerror or str(error)
        if error.errno in _NO_ROOM:
            raise NoRoomError(
                f"{name}: there is no room for its frames: {words}; make some, or let TMPDIR name another folder"
            ) from error
        raise VideoError(f"{name}: cannot be read: {words}") from error
