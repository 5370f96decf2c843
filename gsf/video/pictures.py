"""Whether JPEG pictures are what a frame may be, found out by decoding them."""

from __future__ import annotations

import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from gsf.errors import VideoError
from gsf.video.jpeg import frame_header

MAX_BYTES = 256 << 20  # of a picture: two for each pixel of the largest frame that is probed
_END = b"\xff\xd9"


@dataclass(frozen=True)
class Header:
    """Size of a picture."""

    width: int
    height: int


def read(path: Path, *, name: str) -> bytes:
    """The bytes of a picture; VideoError where it is no file, or larger than `MAX_BYTES`.

    Opened so that a pipe which took a file's place cannot make anybody wait.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise VideoError(f"{name}: is no file, must be a JPEG picture")
        if status.st_size > MAX_BYTES:
            raise VideoError(f"{name}: has {status.st_size} bytes, a picture may have {MAX_BYTES}")
        return file.read(MAX_BYTES)


def header(data: bytes, *, name: str, max_pixels: int) -> Header:
    """The size of a picture, checked: grey or three colours, 8 bit, Huffman-coded (baseline or progressive)."""
    width, height, components, bits = frame_header(data, name=name)
    if bits != 8 or components not in (1, 3):
        raise VideoError(
            f"{name}: has {components} components of {bits} bit, must have 1 or 3 of 8 bit; CMYK is not a video's frame"
        )
    if width < 1 or height < 1:
        raise VideoError(f"{name}: is {width} x {height}, must have a size")
    if width * height > max_pixels:
        raise VideoError(f"{name}: has {width} x {height} pixels, more than {max_pixels}, the limit (max_pixels)")
    return Header(width, height)


def check(folder: str, names: list[str], name: str, max_pixels: int) -> None:
    """Raise VideoError unless every picture can be decoded and all have one size."""
    Image.MAX_IMAGE_PIXELS = None  # ours is the limit
    first: Header | None = None
    for item in names:
        shown = f"{name}/{item}"
        data = read(Path(folder) / item, name=shown)
        found = header(data, name=shown, max_pixels=max_pixels)
        first = first or found
        if found != first:
            raise VideoError(
                f"{shown}: is {found.width} x {found.height}, must be {first.width} x {first.height} as {names[0]} is"
            )
        if _END not in data[-64:]:  # a camera may append a few bytes
            raise VideoError(f"{shown}: is cut short: a JPEG ends with FF D9")
        try:
            with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
                image.load()
        except (OSError, SyntaxError, ValueError) as error:
            raise VideoError(f"{shown}: cannot be decoded: {error}") from None
