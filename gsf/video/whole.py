"""Whether a container is as long as it says, for those whose frames are not counted in their header.

Read by their own few bytes of structure, without a library.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_ELEMENTS = 100  # that may stand before the segment


def is_whole_avi(path: Path) -> bool:
    """Whether the file is an AVI whose chunks, by their own sizes, end within it.

    An AVI marks a dropped frame by an empty chunk, which its header counts and which holds no picture. So fewer frames
    than the header says are a loss only where the file is cut off.
    """
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            head = file.read(12)
            if len(head) < 12 or head[:4] != b"RIFF" or head[8:] not in (b"AVI ", b"AVIX"):
                return at > 0  # what follows a whole chunk is not part of the AVI
            length = int.from_bytes(head[4:8], "little")
            if length == 0:
                return False
            at += 8 + length + length % 2
    return at - 1 <= size


def is_cut_matroska(path: Path) -> bool:
    """Whether the file is a Matroska or WebM file whose segment, by its own size, ends beyond it.

    A segment that was streamed has no size, and nothing can be said; a file that ends before it holds no frame.

        EBML id | size | header | Segment id | size | clusters ...
    """
    total = path.stat().st_size
    with path.open("rb") as file:
        for number in range(_ELEMENTS):
            element, size = _number(file, marked=True), _number(file, marked=False)
            if element is None or (number == 0 and element != _EBML):
                return False
            if size is None:
                return False
            if file.tell() + size > total:
                return True
            if element == _SEGMENT:
                return False
            file.seek(size, 1)
    return False


def _number(file: IO[bytes], *, marked: bool) -> int | None:
    """A number of variable length: as many bytes as its first one has leading zeros, and one. None where unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    data = first + file.read(length - 1)
    if len(data) < length:
        return None
    value = int.from_bytes(data)
    bits = 7 * length
    if marked:  # an id keeps the bit that marks its length
        return value
    value &= (1 << bits) - 1
    return None if value == (1 << bits) - 1 else value
