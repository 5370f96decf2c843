"""Reading a manifest: the lists of usable videos that trainings and evaluations load."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from gsf.data.columns import MANIFEST
from gsf.errors import DataError
from gsf.project import Project
from gsf.tables import read_table


@dataclass(frozen=True)
class Manifest:
    """A manifest as its readers need it: the usable videos as columns, and what holds for all of them."""

    ids: tuple[str, ...]
    splits: tuple[str, ...]
    class_indices: tuple[int, ...]
    shards: tuple[str, ...]
    frames: tuple[int, ...]
    classes: tuple[str, ...]  # sorted; a class index is a position in it
    flip: Literal["swap", "forbid", "free"]
    flip_pairs: tuple[tuple[str, str], ...]
    reversal_pairs: tuple[tuple[str, str], ...]
    excluded: tuple[dict[str, str], ...]  # id, split, label, reason

    def __len__(self) -> int:
        return len(self.ids)


def read_manifest(project: Project, benchmark: str) -> Manifest:
    """The manifest of a benchmark; DataError where its files are damaged or do not belong together."""
    path, info_path = project.manifest(benchmark), project.manifest_info(benchmark)
    rows = read_table(path, MANIFEST)
    try:
        info = json.loads(info_path.read_bytes())
        manifest = Manifest(
            ids=tuple(row["id"] for row in rows),
            splits=tuple(row["split"] for row in rows),
            class_indices=tuple(int(row["class_index"]) for row in rows),
            shards=tuple(row["shard"] for row in rows),
            frames=tuple(int(row["frames"]) for row in rows),
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
    named = {row["label"]: int(row["class_index"]) for row in rows}
    if any(
        not 0 <= index < len(manifest.classes) or manifest.classes[index] != label for label, index in named.items()
    ):
        raise DataError(f"{path}: class indices are not those of {info_path.name}; run `gsf manifest {benchmark}`")
    return manifest
