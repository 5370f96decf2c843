"""sha256 of folders of pictures, remembered while a folder looks as it did, so that its pictures are read once."""

from __future__ import annotations

import json
import os
from pathlib import Path

from gsf.provenance.hashing import canonical_json, sha256_bytes, write_atomically
from gsf.video.folders import folder_facts, folder_sha256


class FolderHashes:
    """What `HashCache` is for files: one small file an entry, which says how the folder looked when it was hashed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sha256(self, path: Path) -> str:
        """Hexadecimal sha256 of the pictures in the folder at `path`."""
        looks = _looks(path)
        entry = self._folder / f"{sha256_bytes(os.fsencode(path.resolve()))}.json"
        try:
            known = json.loads(entry.read_bytes())
            if known["looks"] == looks:
                return str(known["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # no entry, or a damaged one: hash again
        digest = folder_sha256(path)
        if _looks(path) == looks:  # else it changed while it was hashed
            write_atomically(entry, canonical_json({"looks": looks, "sha256": digest}))
        return digest


def _looks(path: Path) -> dict[str, int]:
    """A folder counts as unchanged while these are what they were, here as for the inventory."""
    facts = folder_facts(path)
    return {"bytes": facts.bytes, "mtime_ns": facts.mtime_ns, "inode": path.stat().st_ino}
