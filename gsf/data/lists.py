"""Reading a manifest: the lists of usable videos that trainings and evaluations load.

As columns in flat buffers: half a million rows are there in a second, and the processes that load clips share them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gsf.data.columns import MANIFEST, SPLITS
from gsf.data.flat import Numbers, Texts
from gsf.errors import DataError
from gsf.project import Project
from gsf.tables import read_columns


@dataclass(frozen=True)
class Manifest:
    """A manifest as its readers need it: the usable rows as columns, and what holds for all of them.

    A row is a video, or a segment of one: `frames` stored frames of `videos` (the key in its shard) from `starts` on.
    """

    ids: Texts
    splits: Texts
    class_indices: Numbers
    shards: Texts
    videos: Texts  # the very `ids` where every row is a whole video
    starts: Numbers
    frames: Numbers
    classes: tuple[str, ...]  # a class index is a position in it
    flip: Literal["swap", "forbid", "free"]
    flip_pairs: tuple[tuple[str, str], ...]
    reversal_pairs: tuple[tuple[str, str], ...]
    excluded: tuple[dict[str, str], ...]  # id, split, label, reason

    def __len__(self) -> int:
        return len(self.ids)


def read_manifest(project: Project, benchmark: str) -> Manifest:
    """The manifest of a benchmark; DataError where its files are damaged or do not belong together."""
    path, info_path = project.manifest(benchmark), project.manifest_info(benchmark)
    rows = read_columns(path, MANIFEST, numbers=("class_index", "start", "frames"))
    column = {name: _flat(rows[name]) for name in MANIFEST}
    ids = Texts(column["id"])
    whole = bool(pc.all(pc.equal(column["id"], column["video"])).as_py() is not False)
    try:
        info = json.loads(info_path.read_bytes())
        manifest = Manifest(
            ids=ids,
            splits=Texts(column["split"]),
            class_indices=Numbers(column["class_index"]),
            shards=Texts(column["shard"]),
            videos=ids if whole else Texts(column["video"]),
            starts=Numbers(column["start"]),
            frames=Numbers(column["frames"]),
            classes=tuple(info["classes"]),
            flip=info["flip"],
            flip_pairs=tuple((one, other) for one, other in info["flip_pairs"]),
            reversal_pairs=tuple((one, other) for one, other in info["reversal_pairs"]),
            excluded=tuple(info["excluded"]),
        )
    except FileNotFoundError:
        raise DataError(f"{info_path}: no such file; run `gsf manifest {benchmark}`") from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} or {info_path.name}: is damaged: {error!r}; run `gsf manifest {benchmark}`") from error
    _check(manifest, column, where=f"{path}", info=info_path.name, remedy=f"run `gsf manifest {benchmark}`")
    return manifest


def _check(manifest: Manifest, column: dict[str, pa.Array], *, where: str, info: str, remedy: str) -> None:
    named = pc.index_in(column["label"], value_set=pa.array(manifest.classes, pa.string()))
    if named.null_count or not np.array_equal(np.asarray(named), manifest.class_indices.array):
        raise DataError(f"{where}: class indices are not those of {info}; {remedy}")
    if pc.index_in(column["split"], value_set=pa.array(SPLITS)).null_count:
        raise DataError(f"{where}: has a split that is none of {', '.join(SPLITS)}; {remedy}")
    if len(manifest) and (manifest.frames.array.min() < 1 or manifest.starts.array.min() < 0):
        raise DataError(f"{where}: has a row without frames, must have one or more from a start >= 0 on; {remedy}")


def _flat(column: pa.ChunkedArray) -> pa.Array:
    chunks = column.num_chunks
    return column.chunk(0) if chunks == 1 else pa.concat_arrays(column.chunks) if chunks else pa.array([], column.type)
