"""The receipts behind a result: all that its receipt names, and what those name, down to the videos."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from gsf.errors import ProvenanceError
from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import Input, read_receipt


def closure(project: Project, inputs: Iterable[Input]) -> dict[str, bytes]:
    """The bytes of every receipt behind `inputs`, by sha256.

    Raises:
        ProvenanceError: a receipt that is named lies nowhere in `data/` and `runs/`.
    """
    known = {sha256_file(path): path for path in receipt_paths(project)}
    found: dict[str, bytes] = {}
    waiting = [item for item in inputs if item.receipt]
    while waiting:
        item = waiting.pop()
        digest = str(item.receipt)
        if digest in found:
            continue
        if digest not in known:
            raise ProvenanceError(
                f"{item.path}: its receipt {digest[:12]} is not in data/ or runs/, must be there to prove the table;"
                " a stage was run again after what depends on it: run `dvc repro`"
            )
        found[digest] = known[digest].read_bytes()
        waiting += [link for link in read_receipt(known[digest]).inputs if link.receipt]
    return found


def receipt_paths(project: Project) -> Iterator[Path]:
    """Every receipt that a stage has written; folders of videos are not looked into."""
    for pattern in (
        "data/*/*.receipt.json",
        "data/*/annotated/receipt.json",
        "data/*/plan/*.receipt.json",
        "data/*/extracted/*.receipt.json",
        "runs/*/train/*/receipt.json",
        "runs/*/evaluate/*/*/receipt.json",
        "runs/*/ensemble/*/receipt.json",
    ):
        yield from sorted(project.root.glob(pattern))
