"""The columns of the tables between inventory and loaders, and the names of the splits.

On their own, so that a stage which reads a table does not depend on the code of the stage which wrote it.
"""

from __future__ import annotations

from typing import Literal, get_args

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

INVENTORY = (
    "id", "path", "label", "split", "shard", "bytes", "sha256", "frames", "fps", "width", "height", "rotation", "codec",
    "problem",
)  # fmt: skip
EXTRACTED = ("id", "frames", "width", "height", "bytes", "reason")
MANIFEST = ("id", "split", "label", "class_index", "shard", "frames")
