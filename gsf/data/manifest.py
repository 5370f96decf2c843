"""The manifest stage: the lists that the loaders read, with what was excluded and why."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from gsf.data.annotations import SPLITS
from gsf.data.inventory import COLUMNS as INVENTORY_COLUMNS
from gsf.errors import DataError, ParamsError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.provenance.hashing import canonical_json, write_atomically
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Receipt, StageResult, linked_inputs, seal
from gsf.store.extract import COLUMNS as EXTRACTED_COLUMNS
from gsf.store.tables import read_table, write_table

ENTRY = "gsf.data.manifest"
COLUMNS = ("id", "split", "label", "class_index", "shard", "frames")


@dataclass(frozen=True)
class Manifest:
    """The usable videos of a benchmark as columns, and what is known of its classes."""

    benchmark: str
    ids: tuple[str, ...]
    splits: tuple[str, ...]
    class_indices: tuple[int, ...]
    shards: tuple[str, ...]
    frames: tuple[int, ...]
    classes: tuple[str, ...]
    flip: Literal["swap", "forbid", "free"]
    flip_pairs: tuple[tuple[str, str], ...]
    reversal_pairs: tuple[tuple[str, str], ...]
    excluded: tuple[dict[str, str], ...]


def read_manifest(project: Project, benchmark: str) -> Manifest:
    """The manifest of a benchmark; DataError where it is not one."""
    rows = read_table(project.manifest(benchmark), COLUMNS)
    try:
        info = json.loads(project.manifest_info(benchmark).read_bytes())
        return Manifest(
            benchmark=benchmark,
            ids=tuple(row["id"] for row in rows),
            splits=tuple(row["split"] for row in rows),
            class_indices=tuple(int(row["class_index"]) for row in rows),
            shards=tuple(row["shard"] for row in rows),
            frames=tuple(int(row["frames"]) for row in rows),
            classes=tuple(info["classes"]),
            flip=info["flip"],
            flip_pairs=tuple((a, b) for a, b in info["flip_pairs"]),
            reversal_pairs=tuple((a, b) for a, b in info["reversal_pairs"]),
            excluded=tuple(info["excluded"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{project.manifest_info(benchmark)}: is not the manifest's ({error}); run the manifest stage again"
        ) from error


def run(project: Project, benchmark: str) -> Receipt:
    """Join inventory and extractions, write the manifest, and seal its receipt."""
    params_file = project.params_file("benchmarks", benchmark)
    params = load(Benchmark, params_file)
    shards = [f"{number:02d}" for number in range(params.shards)]
    inputs = linked_inputs(project, project.inventory_receipt(benchmark), [project.inventory(benchmark)])
    extracted: dict[str, dict[str, str]] = {}
    for shard in shards:
        table = project.extracted(benchmark, shard)
        inputs += linked_inputs(project, project.extract_receipt(benchmark, shard), [table])
        extracted |= {row["id"]: row for row in read_table(table, EXTRACTED_COLUMNS)}
    inventory = read_table(project.inventory(benchmark), INVENTORY_COLUMNS)
    _check_same_videos(benchmark, {row["id"] for row in inventory}, set(extracted))
    usable, excluded = _separate(inventory, extracted)
    classes = _classes(params, inventory, usable)
    rows = [
        (row["id"], row["split"], row["label"], classes.index(row["label"]), row["shard"], extracted[row["id"]]["frames"])
        for row in usable
    ]
    write_table(project.manifest(benchmark), COLUMNS, rows)
    info = _info(params, classes, usable, excluded)
    write_atomically(project.manifest_info(benchmark), canonical_json(info))
    return seal(
        project,
        StageResult(
            stage=f"manifest@{benchmark}",
            command=["gsf", "manifest", benchmark],
            params=params_used(project, params_file, ["shards", "labels"]),
            inputs=inputs,
            outputs=[project.manifest(benchmark), project.manifest_info(benchmark)],
            entry=ENTRY,
            facts={"videos": len(usable), "excluded": len(excluded), **info["counts"]},
        ),
        project.manifest_receipt(benchmark),
    )


def _check_same_videos(benchmark: str, planned: set[str], extracted: set[str]) -> None:
    for surplus, what in ((planned - extracted, "in no shard"), (extracted - planned, "not in the inventory")):
        if surplus:
            raise DataError(
                f"{benchmark}: {len(surplus)} videos are {what}, {sorted(surplus)[0]!r} for one;"
                " run the extract stages again"
            )


def _separate(
    inventory: list[dict[str, str]], extracted: dict[str, dict[str, str]]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Usable rows in the manifest's order, and the excluded ones with their reasons."""
    order = sorted(inventory, key=lambda row: (SPLITS.index(row["split"]), row["id"].encode("utf-8")))
    usable = [row for row in order if not extracted[row["id"]]["reason"]]
    excluded = [
        {**{key: row[key] for key in ("id", "split", "label")}, "reason": extracted[row["id"]]["reason"]}
        for row in order
        if extracted[row["id"]]["reason"]
    ]
    return usable, excluded


def _classes(params: Benchmark, inventory: list[dict[str, str]], usable: list[dict[str, str]]) -> list[str]:
    """Class names, sorted; every one has a video to train on, every declared pair exists."""
    classes = sorted({row["label"] for row in inventory})
    trained = {row["label"] for row in usable if row["split"] == "train"}
    untrained = [name for name in classes if name not in trained]
    if untrained:
        raise DataError(
            f"{params.name}: no usable training video of {', '.join(untrained)}, must be at least one a class"
        )
    for key, pairs in (("flip_pairs", params.labels.flip_pairs), ("reversal_pairs", params.labels.reversal_pairs)):
        for name in (name for pair in pairs for name in pair):
            if name not in classes:
                raise ParamsError(
                    f"params/benchmarks/{params.name}.yaml: labels.{key} is {name!r}, must be one of the classes:"
                    f" {', '.join(classes)}"
                )
    return classes


def _info(
    params: Benchmark, classes: list[str], usable: list[dict[str, str]], excluded: list[dict[str, str]]
) -> dict[str, Any]:
    counts = Counter(row["split"] for row in usable)
    return {
        "benchmark": params.name,
        "classes": classes,
        "flip": params.labels.flip,
        "flip_pairs": params.labels.flip_pairs,
        "reversal_pairs": params.labels.reversal_pairs,
        "counts": {split: counts[split] for split in SPLITS},
        "videos": len(usable),
        "excluded_count": len(excluded),
        "excluded": excluded,
    }
