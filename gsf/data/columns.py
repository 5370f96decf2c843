"""The columns of the tables between inventory and loaders, and the names of the splits.

On their own, so that a stage which reads a table does not depend on the code of the stage which wrote it.
"""

from __future__ import annotations

from typing import Literal, get_args

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

# A row an annotation: a whole video, or one segment of it. `start_frame`, `stop_frame` and `segment_fps` are as the
# annotations have them, empty for whole videos; all from `bytes` to `codec` are facts of the video, empty where it is
# missing (no sha256 either) or unreadable.
INVENTORY = (
    "id", "path", "label", "split", "shard", "bytes", "sha256", "frames", "fps", "width", "height", "rotation", "codec",
    "start_frame", "stop_frame", "segment_fps", "problem",
)  # fmt: skip
EXTRACTED = ("id", "frames", "width", "height", "bytes", "reason")
# `video` is the key in the shard, `start` the first of the `frames` stored frames that belong to the row.
MANIFEST = ("id", "split", "label", "class_index", "shard", "video", "start", "frames")
