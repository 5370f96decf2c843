"""Which videos are meant by what is named: files, folders of them, and folders of frames."""

from __future__ import annotations

import itertools
from collections.abc import Container, Sequence
from pathlib import Path
from typing import NamedTuple

from gsf.errors import DataError
from gsf.provenance.hashing import sha256_file
from gsf.video.folders import folder_sha256

_PICTURES = frozenset({".jpg", ".jpeg"})
_LONGEST = 200  # bytes of a video's name in that of a file; file systems take 255


class File(NamedTuple):
    """A video that is asked about."""

    name: str
    path: Path  # a file, or a folder of numbered JPEG frames
    problem: str | None = None  # what is wrong with it as far as that shows before it is opened


def video_files(sources: Sequence[Path]) -> list[File]:
    """Files as named, and every video below the folders among them.

    Videos are called by their path below the folder, or by their file name; where several sources are given, by the
    path with the source before it, so that no two videos are called the same. What is wrong with a source is said in
    its place.
    """
    found: list[File] = []
    for source in sources:
        alone = len(sources) == 1
        if not _is_folder(source):
            found.append(File(shown_name(source) if alone else str(source), source))
            continue
        try:
            below = _below(source)
        except DataError as error:
            found.append(File(str(source), source, str(error)))
            continue
        if not below:
            found.append(File(shown_name(source) if alone else str(source), source))
        found += (File(path if alone else str(source / path), source / path) for path in below)
    return found


def shown_name(path: Path) -> str:
    """What a video is called by itself: its last part, or all of it where that says nothing (`..`)."""
    return path.name or str(path)


def file_name(video: str, *, taken: Container[str]) -> str:
    """A name for a file about a video, unlike those taken: slashes become hyphens, and a number tells two apart."""
    plain = video.replace("/", "-").encode("utf-8", "surrogateescape")[-_LONGEST:].decode("utf-8", "ignore")
    names = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)


def video_digest(path: Path) -> str:
    """sha256 of a video's file, or of its folder of frames as an inventory has it."""
    return folder_sha256(path) if path.is_dir() else sha256_file(path)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # decoding says why it cannot be reached
        return False


def _below(folder: Path) -> list[str]:
    """The videos below a folder; none where the folder is one itself, being a folder of frames.

    Video files by their suffix; where there are none, folders of frames.

    Raises:
        DataError: there are neither, or a folder cannot be listed.
    """
    from gsf.data.listing import SUFFIXES, scan

    videos = [item.path for item in scan(folder)]
    if videos or _holds_pictures(folder):
        return videos
    folders = [item.path for item in scan(folder, folders=True)]
    if any(_holds_pictures(folder / path) for path in folders):
        return folders
    raise DataError(
        f"{folder}: holds no video, must hold names that end in {', '.join(sorted(SUFFIXES))}, or folders of frames as"
        " JPEG"
    )


def _holds_pictures(folder: Path) -> bool:
    return any(path.suffix.lower() in _PICTURES and not path.name.startswith(".") for path in folder.iterdir())
