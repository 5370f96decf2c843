"""Whether an LMDB file is as long as it says, read without LMDB.

LMDB maps its file into memory: a page beyond the end of a file that was cut short kills the process (SIGBUS). Its first
two pages hold one meta record each; the one of the later transaction counts.

    page:  number u64 | pad u16 | flags u16 | lower u16 | upper u16 | meta
    meta:  magic u32 | version u32 | address u64 | map size u64 | free list | main | last page u64 | transaction u64
    free list, main:  page size u32 | flags u16 | depth u16 | branch, leaf, overflow pages, entries, root: u64 each
"""

from __future__ import annotations

import struct
from pathlib import Path

from gsf.errors import ShardError

_PAGE = struct.Struct("<QHHHH")
_TREE = "IHHQQQQQ"
_META = struct.Struct(f"<IIQQ{_TREE}{_TREE}QQ")
_MAGIC, _VERSION = 0xBEEFC0DE, 1
_PAGE_SIZE_AT, _ROOTS_AT = 4, (11, 19)
_NO_ROOT = (1 << 64) - 1


def check_size(path: Path) -> None:
    """Raise ShardError where the file is not LMDB's, is cut short, or its trees lie outside it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        metas = [_meta(file.read(_PAGE.size + _META.size))]
        if metas[0] is None:
            raise _damaged(path, "its first page is not LMDB's")
        page = metas[0][_PAGE_SIZE_AT]
        if page < 512 or page > 1 << 16 or page & (page - 1):
            raise _damaged(path, f"its pages have {page} bytes")
        file.seek(page)
        metas.append(_meta(file.read(_PAGE.size + _META.size)))
    if metas[1] is None or metas[1][_PAGE_SIZE_AT] != page:
        raise _damaged(path, "its second page is not LMDB's")
    latest = max((meta for meta in metas if meta is not None), key=lambda meta: meta[-1])
    pages = latest[-2] + 1
    if size < pages * page:
        raise _damaged(path, f"has {size} bytes, must have {pages * page}: it is cut short")
    if any(latest[at] != _NO_ROOT and latest[at] >= pages for at in _ROOTS_AT):
        raise _damaged(path, "its root lies outside the file")


def _meta(data: bytes) -> tuple[int, ...] | None:
    if len(data) < _PAGE.size + _META.size:
        return None
    fields = _META.unpack_from(data, _PAGE.size)
    return fields if fields[:2] == (_MAGIC, _VERSION) else None


def _damaged(path: Path, what: str) -> ShardError:
    return ShardError(f"{path}: is damaged ({what}); run its extract stage again, or `dvc checkout`")
