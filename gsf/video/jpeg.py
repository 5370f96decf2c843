"""A stream of JPEG pictures, taken apart into single ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gsf.errors import VideoError

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_SOS = 0xDA
_FRAME_HEADERS = frozenset({0xC0, 0xC1, 0xC2})
MAX_BYTES = 1 << 28  # of one picture


def split_jpegs(chunks: Iterable[bytes], *, name: str) -> Iterator[bytes]:
    """Yield each picture of the concatenation of `chunks`.

    The segments of a header are skipped by their lengths: a table may hold the bytes FF D9 by chance. In the coded
    data after it every FF is followed by a stuffed zero, so that the next FF D9 is the end.

        FF D8 | FF DB len ... | FF C0 len ... | FF DA len ... coded data ... | FF D9 | FF D8 ...
    """
    buffer = bytearray()
    scan = 0  # how far coded data was searched; 0: still in the header
    for chunk in chunks:
        buffer += chunk
        while True:
            if scan == 0:
                scan = coded_data_start(buffer, name=name)
                if scan == 0:
                    break
            end = buffer.find(_EOI, scan)
            if end < 0:
                scan = max(scan, len(buffer) - 1)  # the FF may be the last byte so far
                break
            yield bytes(buffer[: end + 2])
            del buffer[: end + 2]
            scan = 0
        if len(buffer) > MAX_BYTES:
            raise VideoError(f"{name}: a frame is larger than {MAX_BYTES} bytes as JPEG, must be smaller")
    if buffer:
        raise VideoError(f"{name}: the last frame is incomplete ({len(buffer)} bytes without an end)")


def coded_data_start(data: bytes | bytearray, *, name: str) -> int:
    """Offset of the coded data of the picture at the start of `data`; 0 while its header is incomplete."""
    return next((end for marker, _, end in _segments(data, name=name) if marker == _SOS), 0)


def jpeg_size(data: bytes, *, name: str) -> tuple[int, int]:
    """Width and height of a picture."""
    return frame_header(data, name=name)[:2]


def frame_header(data: bytes, *, name: str) -> tuple[int, int, int, int]:
    """Width, height, number of components and bits a sample of a picture."""
    for marker, start, end in _segments(data, name=name):
        if marker in _FRAME_HEADERS and end - start >= 8:  # len(2) precision(1) height(2) width(2) components(1)
            height, width = (int.from_bytes(data[start + at : start + at + 2]) for at in (3, 5))
            return width, height, data[start + 7], data[start + 2]
    raise VideoError(f"{name}: is not a JPEG picture: no frame header")


def _segments(data: bytes | bytearray, *, name: str) -> Iterator[tuple[int, int, int]]:
    """`(marker, offset of its length, end)` of each complete segment from the start of a picture to its coded data."""
    if len(data) >= 2 and data[:2] != _SOI:
        raise VideoError(f"{name}: is not a JPEG picture: starts with {bytes(data[:2]).hex()}, must be ffd8")
    at = 2
    while len(data) >= at + 4:
        if data[at] != 0xFF:
            raise VideoError(f"{name}: is not a JPEG picture: no marker at byte {at}")
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if len(data) < end:
            return
        yield data[at + 1], at + 2, end
        if data[at + 1] == _SOS:
            return
        at = end
