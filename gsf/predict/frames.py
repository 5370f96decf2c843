"""The frames of one video file, decoded as the extract stage does and kept in a temporary file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import torch

from gsf.data.decode import decode_frames
from gsf.errors import VideoError
from gsf.params.benchmark import Extract
from gsf.store.decode import file_frames
from gsf.video.probe import probe


class VideoFrames:
    """JPEG frames as a shard would hold them; memory does not grow with the video, and readers may share one.

    Raises:
        VideoError: the file cannot be decoded as a whole within the limits.
    """

    def __init__(self, path: Path, how: Extract, *, name: str) -> None:
        if not path.is_file():
            raise VideoError(f"{name}: no such file")
        self.name = name
        found = probe(path, name=name, max_pixels=how.max_pixels)
        self.rate: Fraction | None = found.fps if how.fps is None else Fraction(repr(how.fps))  # frames a second
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (as long as the object)
        self._ends = [0]
        for jpeg in file_frames(how, path, name=name):
            self._file.write(jpeg)
            self._ends.append(self._ends[-1] + len(jpeg))
        self._file.flush()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def decode(self, indices: Sequence[int]) -> torch.Tensor:
        """`(len(indices), 3, H, W)` uint8."""
        jpegs = [
            os.pread(self._file.fileno(), self._ends[index + 1] - self._ends[index], self._ends[index])
            for index in indices
        ]
        return decode_frames(jpegs, names=[f"{self.name}, frame {index}" for index in indices])

    def close(self) -> None:
        self._file.close()
