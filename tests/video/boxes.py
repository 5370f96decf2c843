"""MP4 and QuickTime files that lie: other sizes than those of their pictures, samples that are elsewhere."""

from __future__ import annotations

import re

TO_SAMPLES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1", b"avcC")
TO_REFERENCES = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")


def box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def replaced(data: bytes, around: tuple[bytes, ...], begin: int, end: int, new: bytes) -> bytes:
    """A file with the bytes `begin` to `end` replaced; the boxes `around` them, each in the one before, grow with it.

    The description of the file must be behind its frames, as ffmpeg writes it, so that no offset of a frame changes.
    """
    assert data.index(b"mdat") < data.index(b"moov") < begin
    changed, place = bytearray(data), 0
    for kind in around:
        place = changed.index(kind, place)
        size = int.from_bytes(changed[place - 4 : place], "big") + len(new) - (end - begin)
        changed[place - 4 : place] = size.to_bytes(4, "big")
        place += 4
    changed[begin:end] = new
    return bytes(changed)


def resized(data: bytes, width: int, height: int, *, container: bool) -> bytes:
    """An MP4 file of baseline H.264 whose stream, and its container too, declares another size, in steps of 16."""
    at = data.index(b"avcC", data.index(b"moov")) + 4 + 6
    end = at + 2 + int.from_bytes(data[at : at + 2], "big")
    parameters = _resized_parameters(data[at + 2 : end], width // 16, height // 16)
    changed = bytearray(replaced(data, TO_SAMPLES, at, end, len(parameters).to_bytes(2, "big") + parameters))
    if container:
        entry = changed.index(b"avc1", changed.index(b"moov")) + 4 + 24
        sizes = (min(size, 65535).to_bytes(2, "big") for size in (width, height))
        changed[entry : entry + 4] = b"".join(sizes)
    return bytes(changed)


def _resized_parameters(unit: bytes, columns: int, rows: int) -> bytes:
    """A sequence parameter set (ITU-T H.264, 7.3.2.1.1) for so many macroblocks."""
    assert unit[1] == 66  # baseline, whose fields are those below
    bits = "".join(f"{byte:08b}" for byte in unit[4:].replace(b"\0\0\3", b"\0\0"))
    at = 0
    for _ in range(3):  # id, length of frame numbers, how the order of pictures is told
        order, at = _number(bits, at)
    assert order in (0, 2)
    for _ in range(2 if order == 0 else 1):  # length of that order, reference frames
        _, at = _number(bits, at)
    begin = at = at + 1  # behind whether frame numbers may have gaps
    for _ in range(2):
        _, at = _number(bits, at)
    changed = (bits[:begin] + _coded(columns - 1) + _coded(rows - 1) + bits[at:]).rstrip("0")  # a 1 ends it
    changed += "0" * (-len(changed) % 8)
    payload = bytes(int(changed[place : place + 8], 2) for place in range(0, len(changed), 8))
    return unit[:4] + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", payload)


def _number(bits: str, at: int) -> tuple[int, int]:
    """An Exp-Golomb number, and where it ends."""
    zeros = bits.index("1", at) - at
    end = at + 2 * zeros + 1
    return int(bits[at + zeros : end], 2) - 1, end


def _coded(number: int) -> str:
    digits = f"{number + 1:b}"
    return "0" * (len(digits) - 1) + digits


def referring(data: bytes, reference: bytes) -> bytes:
    """A QuickTime file whose samples are where a data reference says, instead of in itself."""
    at = data.index(b"url \x00\x00\x00\x01") - 4
    return replaced(data, TO_REFERENCES, at, at + 12, reference)


def location(kind: bytes, where: str) -> bytes:
    """A reference `url ` or `urn `; flag 0: not in this file."""
    name = b"canary\0" if kind == b"urn " else b""
    return box(kind, bytes(4) + name + where.encode() + b"\0")


def alias(path: str, *, up: int = 0, down: int = 0) -> bytes:
    """A Macintosh alias record: an absolute path, or the last `down` parts of one, from `up` folders above."""
    volume, name = b"disk", path.rpartition("/")[2].encode()[:63]
    record = bytes(10) + bytes([len(volume)]) + volume.ljust(27, b"\0") + bytes(12)
    record += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16)
    record += up.to_bytes(2, "big") + down.to_bytes(2, "big") + bytes(16)
    full = volume + path.replace("/", ":").encode()
    full += b"\0" * (len(full) % 2)
    record += b"\0\2" + len(full).to_bytes(2, "big") + full + b"\xff\xff\0\0"
    return box(b"alis", bytes(4) + record)
