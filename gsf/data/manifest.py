"""The manifest stage: the train, val and test lists that the loaders read, and what was left out and why.

Half a million rows are joined as columns (pyarrow, numpy); Python objects are made for what is excluded only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gsf.data.classes import Classes, read_classes
from gsf.data.columns import EXTRACTED, INVENTORY, MANIFEST, SPLITS
from gsf.data.lists import Manifest as Manifest  # for who reads it from here
from gsf.data.lists import read_manifest as read_manifest
from gsf.data.placing import Placed, place
from gsf.errors import DataError, ParamsError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.provenance.hashing import sha256_bytes, write_atomically
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Receipt, StageResult, linked_inputs, read_receipt, seal
from gsf.store.plan import PlannedVideo, hashed_names, plan_bytes
from gsf.tables import read_columns, write_table

ENTRY = "gsf.data.manifest"
_USED = (
    "id", "path", "label", "split", "shard", "bytes", "sha256", "frames", "fps", "start_frame", "stop_frame",
    "segment_fps", "problem",
)  # fmt: skip
_AT_ONCE = 4096  # rows that are Python objects at a time


def run(project: Project, benchmark: str) -> Receipt:
    """Join inventory and extractions, check them against each other, write the manifest and seal its receipt."""
    params_file = project.params_file("benchmarks", benchmark)
    params = load(Benchmark, params_file)
    shards = _shards(project, params)
    inputs = linked_inputs(project, project.inventory_receipt(benchmark), [project.inventory(benchmark)])
    for shard in shards:
        inputs += linked_inputs(
            project, project.extract_receipt(benchmark, shard), [project.extracted(benchmark, shard)]
        )
    if params.published is not None:
        inputs += linked_inputs(project, project.annotate_receipt(benchmark), [project.classes(benchmark)])

    inventory = read_columns(project.inventory(benchmark), INVENTORY, only=_USED)
    extracted = pa.concat_tables([_shard_rows(project, benchmark, shard, inventory) for shard in shards])
    placed = place(inventory, extracted, stored_fps=params.extract.fps)
    classes = read_classes(project, params, inventory, placed.usable)
    _check_pairs(project.relative(params_file), params, classes.names)

    _write_lists(project.manifest(benchmark), inventory, placed, classes)
    info = _info(params, classes, inventory, placed)
    text = json.dumps(info, indent=2, ensure_ascii=False) + "\n"
    write_atomically(project.manifest_info(benchmark), text.encode("utf-8"))
    return seal(
        project,
        StageResult(
            stage=f"manifest@{benchmark}",
            command=["gsf", "manifest", benchmark],
            params=params_used(project, params_file, ["shards", "extract", "labels"]),
            inputs=inputs,
            outputs=[project.manifest(benchmark), project.manifest_info(benchmark)],
            entry=ENTRY,
            facts={
                "classes": len(classes.names),
                "videos": info["videos"],
                "excluded": info["excluded_count"],
                "shortened": info["shortened_count"],
                "frames": int(placed.frames.sum()),
                **info["counts"],
            },
        ),
        project.manifest_receipt(benchmark),
    )


def _shards(project: Project, params: Benchmark) -> list[str]:
    """Names of the shards that the inventory planned: those whose plans' receipts its own receipt lists."""
    listed = read_receipt(project.inventory_receipt(params.name)).outputs
    plans = [Path(name).name for name in listed if name.endswith(".receipt.json")]
    shards = sorted(name.removesuffix(".receipt.json") for name in plans)
    if tuple(name for name in shards if name.isdecimal()) != hashed_names(params.shards):
        raise DataError(
            f"{project.inventory(params.name)}: has the shards {', '.join(shards)}, must have"
            f" {params.shards} as its parameters say; run `gsf inventory {params.name}`"
        )
    return shards


def _shard_rows(project: Project, benchmark: str, shard: str, inventory: pa.Table) -> pa.Table:
    """One shard's extraction as `id, frames, reason`, checked against the inventory and the extraction's receipt."""
    path = project.extracted(benchmark, shard)
    rows = read_columns(path, EXTRACTED, only=["id", "frames", "reason"])
    found = rows["id"].to_pylist()
    planned = _planned(inventory, shard)
    again = f"run `gsf extract {benchmark} {shard}` again"
    have, need = set(found), {video.id for video in planned}
    for what, names in (("lacks", need - have), ("has the unplanned", have - need)):
        if names:
            raise DataError(
                f"{path}: {what} {len(names)} videos, such as {min(names)}; must hold what was planned; {again}"
            )
    if len(have) != len(found):
        raise DataError(f"{path}: names a video twice; {again}")
    receipt = read_receipt(project.extract_receipt(benchmark, shard))
    plan = project.relative(project.shard_plan(benchmark, shard))
    if sha256_bytes(plan_bytes(planned)) not in {item.sha256 for item in receipt.inputs if item.path == plan}:
        raise DataError(f"{path}: was extracted from another {plan} than the inventory's rows make; {again}")
    usable = rows.filter(pc.equal(rows["reason"], ""))
    empty = usable.filter(pc.invert(pc.match_substring_regex(usable["frames"], "^[0-9]*[1-9][0-9]*$")))
    if len(empty):
        name, frames = empty["id"][0].as_py(), empty["frames"][0].as_py()
        raise DataError(f"{path}: {name} has {frames!r} frames and no reason, must be 1 or more; {again}")
    frames = pc.if_else(pc.equal(rows["reason"], ""), rows["frames"], "0").cast(pa.int64())
    counted = {
        "videos": len(usable),
        "frames": pc.sum(frames).as_py() or 0,
        "excluded": len(rows) - len(usable),
    }
    wrong = [key for key, value in counted.items() if receipt.facts.get(key) != value]
    if wrong:
        key = wrong[0]
        raise DataError(f"{path}: {key} is {counted[key]}, its receipt says {receipt.facts.get(key)}; {again}")
    return rows.set_column(rows.column_names.index("frames"), "frames", frames)


def _planned(inventory: pa.Table, shard: str) -> list[PlannedVideo]:
    """What the plan of a shard must hold: each video of its rows once. Missing videos are in no plan."""
    here = inventory.filter(pc.and_(pc.equal(inventory["shard"], shard), pc.not_equal(inventory["sha256"], "")))
    columns = [here[name].to_pylist() for name in ("path", "bytes", "sha256", "frames", "problem")]
    return list(
        {
            path: PlannedVideo(
                path, path, int(size), sha256, int(frames) if frames else None, problem if sha256 else ""
            )
            for path, size, sha256, frames, problem in zip(*columns, strict=True)
        }.values()
    )


def _check_pairs(where: str, params: Benchmark, classes: Sequence[str]) -> None:
    for key, pairs in (("flip_pairs", params.labels.flip_pairs), ("reversal_pairs", params.labels.reversal_pairs)):
        for pair in pairs:
            for name in pair:
                if name not in classes:
                    raise ParamsError(
                        f"{where}: labels.{key} is {pair}, must name classes of the benchmark: no {name!r}"
                    )


def _write_lists(path: Path, inventory: pa.Table, placed: Placed, classes: Classes) -> None:
    """The usable rows by split; within one they keep the inventory's order, that of the ids' UTF-8 bytes."""
    split = np.asarray(pc.index_in(inventory["split"], value_set=pa.array(SPLITS)))
    usable = np.flatnonzero(placed.usable)
    order = usable[np.argsort(split[usable], kind="stable")]

    def rows() -> Iterator[tuple[object, ...]]:
        for begin in range(0, len(order), _AT_ONCE):
            at = order[begin : begin + _AT_ONCE]
            part = inventory.take(pa.array(at))
            text = {name: part[name].to_pylist() for name in ("id", "split", "label", "shard", "path")}
            yield from zip(
                text["id"], text["split"], text["label"], classes.indices[at].tolist(), text["shard"], text["path"],
                placed.start[at].tolist(), placed.frames[at].tolist(), strict=True,
            )  # fmt: skip

    write_table(path, MANIFEST, rows())


def _info(params: Benchmark, classes: Classes, inventory: pa.Table, placed: Placed) -> dict[str, Any]:
    """What manifest.json holds; DVC shows its numbers as metrics."""
    counts = Counter(inventory["split"].filter(pa.array(placed.usable)).to_pylist())
    excluded = [
        {**{key: inventory[key][row].as_py() for key in ("id", "split", "label")}, "reason": reason}
        for row, reason in placed.reasons.items()
    ]
    lost = Counter(row["split"] for row in excluded)
    return {
        "benchmark": params.name,
        "class_order": classes.order,
        "classes": list(classes.names),
        **({"class_parts": classes.parts} if classes.parts else {}),
        "untrained": list(classes.untrained),
        "flip": params.labels.flip,
        "flip_pairs": params.labels.flip_pairs,
        "reversal_pairs": params.labels.reversal_pairs,
        "counts": {split: counts[split] for split in SPLITS},
        "videos": sum(counts.values()),
        "shortened_count": len(placed.shortened),
        "shortened": [{"id": item.id, "frames": item.frames, "annotated": item.annotated} for item in placed.shortened],
        "excluded_count": len(excluded),
        "excluded_counts": {split: lost[split] for split in SPLITS},
        "excluded": excluded,
    }
