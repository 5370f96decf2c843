"""A file whose bytes are not the promised ones: broken, or the same content in other bytes."""

from __future__ import annotations

from pathlib import Path

from gsf.proof.content import EQUAL_REMEDY, same_content_of
from gsf.proof.findings import Finding
from gsf.provenance.hashing import sha256_file


def differs(file: Path, name: str, promised: str, *, link: str, what: str, remedy: str) -> Finding:
    """The finding of a file that has not the sha256 `promised`.

    Args:
        file: where it lies.
        name: what it is called where it was promised; its ending says what it holds.
        promised: the sha256 of its receipt.
        link: what the finding names.
        what: how the bytes differ.
        remedy: what to do where the content differs too.
    """
    how = same_content_of(file, name, promised)
    if how is None:
        return Finding("broken", link, what, remedy)
    return Finding("equal", link, f"{what}: {how}", EQUAL_REMEDY)


def holds(file: Path, promised: str) -> bool:
    """Whether a file is here with the content that has the sha256 `promised`, be it in other bytes."""
    return file.is_file() and (sha256_file(file) == promised or same_content_of(file, file.name, promised) is not None)
