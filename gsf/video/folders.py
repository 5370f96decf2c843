"""A folder of JPEG pictures as a video: `<id>/00001.jpg`, `<id>/00002.jpg`, ...

The pictures of a video are the files of its folder, in the order of their numbers. Their names are one prefix, which
may be empty, and a number that counts up by one from 0 or 1: a gap means that a frame was lost. The bytes of a picture
are a frame, unchanged. Hidden files are not seen. Links are followed; a pipe, a device or a link that leads nowhere is
never read, and no picture may be so large that it would fill the memory.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gsf.errors import VideoError
from gsf.isolated import ChildDiedError, TookTooLongError, call
from gsf.video import pictures
from gsf.video.probe import MAX_PIXELS, Probe

_NAME = re.compile(r"(?P<prefix>.*?)(?P<number>[0-9]{1,18})\.jpe?g", re.IGNORECASE | re.DOTALL)
_MEMORY = 2 << 30  # bytes of address space for decoding pictures
_CHUNK = 1 << 20  # bytes read at once for a digest


@dataclass(frozen=True)
class FolderFacts:
    """What a folder looks like from outside; it counts as unchanged while these are what they were."""

    path: str  # below the root
    bytes: int  # of its files
    mtime_ns: int  # of the folder or a file of it, the latest


def scan_folders(root: Path) -> Iterator[FolderFacts]:
    """Every folder below `root` that holds a file, or nothing at all. Links are followed; a circle of links ends."""
    yield from _walk(os.fspath(root), "", ())


def folder_facts(path: Path) -> FolderFacts:
    """The facts of one folder."""
    size, latest = 0, path.stat().st_mtime_ns
    for entry in _files(path):
        status = _status(entry)
        size += status.st_size
        latest = max(latest, status.st_mtime_ns)
    return FolderFacts(path.name, size, latest)


def folder_sha256(path: Path) -> str:
    """sha256 over name length, name, length and bytes of each file in order; lengths have 8 bytes, big-endian.

    What is no file counts as empty. A folder that holds such is no video (`picture_names`).
    """
    digest = hashlib.sha256()
    for entry in _in_order(_files(path)):
        regular = is_file(entry)
        name = os.fsencode(entry.name)
        size = entry.stat().st_size if regular else 0
        digest.update(len(name).to_bytes(8, "big") + name + size.to_bytes(8, "big"))
        if regular:
            with open(entry.path, "rb") as file:  # noqa: PTH123  (millions of files)
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
    return digest.hexdigest()


def probe_folder(path: Path, *, name: str) -> Probe:
    """Facts of a video that is a folder: its names are checked, and its first picture's header."""
    names = picture_names(path, name=name)
    shown = f"{name}/{names[0]}"
    header = pictures.header(pictures.read(path / names[0], name=shown), name=shown, max_pixels=MAX_PIXELS)
    return Probe(
        frames=len(names), fps=None, width=header.width, height=header.height, rotation=0, codec="mjpeg", duration=None
    )


def picture_names(path: Path, *, name: str) -> list[str]:
    """The names of the pictures in order; VideoError where they are not numbered without a gap."""
    entries = _files(path)
    if not entries:
        raise VideoError(f"{name}: holds no picture, must hold 00001.jpg, 00002.jpg, ...")
    odd = sorted(entry.name for entry in entries if not is_file(entry))
    if odd:
        raise VideoError(f"{name}: holds {odd[0]!r}, which is no file (a pipe, a device, a link that leads nowhere)")
    found = [entry.name for entry in entries]
    wrong = sorted(item for item in found if not _NAME.fullmatch(item))
    if wrong:
        raise VideoError(f"{name}: holds {wrong[0]!r}, must hold numbered JPEG pictures only, such as 00001.jpg")
    parts = [_NAME.fullmatch(item) for item in found]
    prefixes = sorted({part["prefix"] for part in parts if part})
    if len(prefixes) > 1:
        raise VideoError(f"{name}: its pictures begin with {prefixes[0]!r} and {prefixes[1]!r}, must begin alike")
    names = [entry.name for entry in _in_order(entries)]
    numbers = [_number(item) for item in names]
    if numbers[0] not in (0, 1):
        raise VideoError(f"{name}: its first picture is {names[0]}, must have the number 0 or 1")
    for before, after, shown in zip(numbers, numbers[1:], names[1:], strict=False):
        if after == before:
            raise VideoError(f"{name}: has two pictures with the number {after}, must have one")
        if after > before + 1:
            raise VideoError(f"{name}: the picture before {shown} is missing, numbers must go up by one")
    return names


def folder_frames(path: Path, *, name: str, max_frames: int, max_pixels: int, max_seconds: float) -> Iterator[bytes]:
    """The bytes of each picture in order, after a child process decoded all of them once to see that it can.

    VideoError where one is damaged, of another size than the first, not a JPEG of 1 or 3 components, or where a limit
    is exceeded.
    """
    names = picture_names(path, name=name)
    if len(names) > max_frames:
        raise VideoError(f"{name}: has more than {max_frames} frames, the limit (max_frames)")
    try:
        call(
            pictures.check,
            seconds=max_seconds,
            memory=_MEMORY,
            folder=str(path.absolute()),
            names=names,
            name=name,
            max_pixels=max_pixels,
        )
    except TookTooLongError:
        raise VideoError(f"{name}: decoding took longer than {max_seconds:g} s, the limit (max_seconds)") from None
    except ChildDiedError as death:
        raise VideoError(f"{name}: cannot be decoded: it crashes the library that reads JPEG ({death})") from None
    yield from (pictures.read(path / item, name=f"{name}/{item}") for item in names)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or leads to one."""
    return _leads_to(entry.is_dir)


def is_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a file or leads to one."""
    return _leads_to(entry.is_file)


def _leads_to(kind: Callable[[], bool]) -> bool:
    """A link that leads to itself is an error for the system; here it leads nowhere, as a broken one does."""
    try:
        return kind()
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return False


def _files(path: Path) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        return [entry for entry in entries if not entry.name.startswith(".") and not is_folder(entry)]


def _status(entry: os.DirEntry[str]) -> os.stat_result:
    """Of what a link leads to; of the link itself where it leads nowhere."""
    try:
        return entry.stat()
    except OSError:
        return entry.stat(follow_symlinks=False)


def _number(name: str) -> int:
    found = _NAME.fullmatch(name)
    return int(found["number"]) if found else -1


def _in_order(entries: list[os.DirEntry[str]]) -> list[os.DirEntry[str]]:
    return sorted(entries, key=lambda entry: (_number(entry.name), os.fsencode(entry.name)))


def _walk(folder: str, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[FolderFacts]:
    """Strings, not Path: one of them for each of millions of files would cost minutes."""
    status = os.stat(folder)  # noqa: PTH116
    key = (status.st_dev, status.st_ino)
    if key in above:
        return
    size, latest, files, folders = 0, status.st_mtime_ns, 0, []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if is_folder(entry):
                folders.append((entry.path, entry.name))
            elif prefix:  # what lies beside the folders of videos is no video
                facts = _status(entry)
                files, size, latest = files + 1, size + facts.st_size, max(latest, facts.st_mtime_ns)
    if prefix and (files or not folders):
        yield FolderFacts(prefix.rstrip("/"), size, latest)
    for path, name in folders:
        yield from _walk(path, f"{prefix}{name}/", (*above, key))
