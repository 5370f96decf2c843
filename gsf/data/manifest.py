"""The manifest stage: the train, val and test lists that the loaders read, and what was left out and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gsf.data.columns import EXTRACTED, INVENTORY, MANIFEST, SPLITS
from gsf.data.lists import Manifest as Manifest  # for who reads it from here
from gsf.data.lists import read_manifest as read_manifest
from gsf.errors import DataError, ParamsError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.provenance.hashing import write_atomically
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Receipt, StageResult, linked_inputs, read_receipt, seal
from gsf.store.plan import shard_of
from gsf.tables import read_table, write_table

ENTRY = "gsf.data.manifest"

Row = dict[str, str]


def run(project: Project, benchmark: str) -> Receipt:
    """Join inventory and extractions, check them against each other, write the manifest and seal its receipt."""
    params_file = project.params_file("benchmarks", benchmark)
    params = load(Benchmark, params_file)
    shards = [f"{number:02d}" for number in range(params.shards)]
    inputs = linked_inputs(project, project.inventory_receipt(benchmark), [project.inventory(benchmark)])
    for shard in shards:
        inputs += linked_inputs(
            project, project.extract_receipt(benchmark, shard), [project.extracted(benchmark, shard)]
        )

    inventory = read_table(project.inventory(benchmark), INVENTORY)
    extracted: dict[str, Row] = {}
    for shard in shards:
        extracted |= _shard_rows(project, benchmark, shard, inventory)
    _check_shards(project, params, inventory)
    usable = [row for row in inventory if not extracted[row["id"]]["reason"]]
    excluded = [row | extracted[row["id"]] for row in inventory if extracted[row["id"]]["reason"]]
    classes = _classes(project, benchmark, inventory, usable)
    _check_pairs(project.relative(params_file), params, classes)

    _write_lists(project.manifest(benchmark), usable, extracted, classes)
    info = _info(params, classes, usable, excluded)
    text = json.dumps(info, indent=2, ensure_ascii=False) + "\n"
    write_atomically(project.manifest_info(benchmark), text.encode("utf-8"))
    return seal(
        project,
        StageResult(
            stage=f"manifest@{benchmark}",
            command=["gsf", "manifest", benchmark],
            params=params_used(project, params_file, ["shards", "labels"]),
            inputs=inputs,
            outputs=[project.manifest(benchmark), project.manifest_info(benchmark)],
            entry=ENTRY,
            facts={
                "classes": len(classes),
                "videos": len(usable),
                "excluded": len(excluded),
                "frames": sum(int(extracted[row["id"]]["frames"]) for row in usable),
                **info["counts"],
            },
        ),
        project.manifest_receipt(benchmark),
    )


def _shard_rows(project: Project, benchmark: str, shard: str, inventory: Sequence[Row]) -> dict[str, Row]:
    """The rows of one shard's extraction by id, checked against the inventory and the extraction's receipt."""
    path = project.extracted(benchmark, shard)
    rows = read_table(path, EXTRACTED)
    found = {row["id"]: row for row in rows}
    planned = {row["id"] for row in inventory if row["shard"] == shard}
    again = f"run `gsf extract {benchmark} {shard}` again"
    for what, names in (("lacks", planned - found.keys()), ("has the unplanned", found.keys() - planned)):
        if names:
            raise DataError(
                f"{path}: {what} {len(names)} videos, such as {min(names)}; must hold what was planned; {again}"
            )
    if len(found) != len(rows):
        raise DataError(f"{path}: names a video twice; {again}")
    usable = [row for row in rows if not row["reason"]]
    empty = [row["id"] for row in usable if not row["frames"].isdecimal() or int(row["frames"]) < 1]
    if empty:
        raise DataError(
            f"{path}: {empty[0]} has {found[empty[0]]['frames']!r} frames and no reason, must be 1 or more; {again}"
        )
    counted = {
        "videos": len(usable),
        "frames": sum(int(row["frames"]) for row in usable),
        "excluded": len(rows) - len(usable),
    }
    facts = read_receipt(project.extract_receipt(benchmark, shard)).facts
    wrong = [key for key, value in counted.items() if facts.get(key) != value]
    if wrong:
        key = wrong[0]
        raise DataError(f"{path}: {key} is {counted[key]}, its receipt says {facts.get(key)}; {again}")
    return found


def _check_shards(project: Project, params: Benchmark, inventory: Sequence[Row]) -> None:
    for row in inventory:
        if row["shard"] != shard_of(row["id"], params.shards):
            raise DataError(
                f"{project.inventory(params.name)}: {row['id']} is planned for shard {row['shard']}, must be"
                f" {shard_of(row['id'], params.shards)} with {params.shards} shards; run `gsf inventory {params.name}`"
            )


def _classes(project: Project, benchmark: str, inventory: Sequence[Row], usable: Sequence[Row]) -> list[str]:
    """Class names, sorted; DataError where one has nothing to train on."""
    classes = sorted({row["label"] for row in inventory})
    annotated = Counter(row["label"] for row in inventory if row["split"] == "train")
    trained = Counter(row["label"] for row in usable if row["split"] == "train")
    lacking = [label for label in classes if not trained[label]]
    if lacking:
        lines = "".join(
            f"\n  {label}: {annotated[label]} annotated for training, {annotated[label]} unreadable"
            if annotated[label]
            else f"\n  {label}: only in val or test"
            for label in lacking
        )
        raise DataError(
            f"{project.manifest(benchmark)}: {len(lacking)} of {len(classes)} classes have no training video,"
            f" must have at least one; add videos or remove the class from the annotations:{lines}"
        )
    return classes


def _check_pairs(where: str, params: Benchmark, classes: Sequence[str]) -> None:
    for key, pairs in (("flip_pairs", params.labels.flip_pairs), ("reversal_pairs", params.labels.reversal_pairs)):
        for pair in pairs:
            for name in pair:
                if name not in classes:
                    raise ParamsError(
                        f"{where}: labels.{key} is {pair}, must name classes of the benchmark: no {name!r}"
                    )


def _write_lists(path: Path, usable: Sequence[Row], extracted: Mapping[str, Row], classes: Sequence[str]) -> None:
    index = {name: position for position, name in enumerate(classes)}
    order = {name: position for position, name in enumerate(SPLITS)}
    rows = sorted(usable, key=lambda row: (order[row["split"]], row["id"].encode("utf-8")))  # type: ignore[index]
    write_table(
        path,
        MANIFEST,
        [
            (row["id"], row["split"], row["label"], index[row["label"]], row["shard"], extracted[row["id"]]["frames"])
            for row in rows
        ],
    )


def _info(params: Benchmark, classes: Sequence[str], usable: Sequence[Row], excluded: Sequence[Row]) -> dict[str, Any]:
    """What manifest.json holds; DVC shows its numbers as metrics."""
    counts = Counter(row["split"] for row in usable)
    return {
        "benchmark": params.name,
        "classes": list(classes),
        "flip": params.labels.flip,
        "flip_pairs": params.labels.flip_pairs,
        "reversal_pairs": params.labels.reversal_pairs,
        "counts": {split: counts[split] for split in SPLITS},
        "videos": len(usable),
        "excluded_count": len(excluded),
        "excluded": [{key: row[key] for key in ("id", "split", "label", "reason")} for row in excluded],
    }
