"""The inventory stage: what every annotated video is, by its bytes, and which shard it goes to.

Hashing hundreds of gigabytes takes hours, so each finding is written to the work folder at once: an interrupted run
goes on where it stopped, and later runs read only the videos that are new or changed. Segments of one video share its
row in the plan: it is examined, planned and extracted once.

Every shard's plan has a receipt of its own, which follows from the rows of that shard alone. So the extraction of a
shard, which depends on that receipt, is not touched when videos are added to others.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from gsf.data.annotations import SHOWN, Annotation, check_present, read_annotations
from gsf.data.columns import INVENTORY
from gsf.data.examine import Finding, examine_all
from gsf.data.listing import read_listing, scan, videos_folder
from gsf.errors import DataError, VideoError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.provenance.hashing import pairs_digest
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Input, Receipt, StageResult, linked_inputs, root_input, seal
from gsf.store.plan import PlannedVideo, Sharding, plan_bytes
from gsf.tables import write_if_changed, write_table

ENTRY = "gsf.data.inventory"

Found = Mapping[str, Finding]  # of every video that is there, by path


def run(project: Project, benchmark: str) -> Receipt:
    """Examine the annotated videos of a benchmark, plan its shards and seal the receipts."""
    params_file = project.params_file("benchmarks", benchmark)
    params = load(Benchmark, params_file)
    annotations_file = project.root / params.annotations
    inputs = _inputs(project, params, annotations_file)
    annotations = read_annotations(annotations_file)
    annotations.sort(key=lambda item: item.id.encode("utf-8"))
    sharding = Sharding.of(project, params)
    root = videos_folder(project, params)
    present = _present(project, params, annotations, root)

    found = examine_all(root, present, work=project.work("inventory", benchmark), title=f"inventory {benchmark}")
    _check_problems(params, found)
    _check_promised(annotations_file, annotations, found)
    repeated, contradictions = _same_bytes(annotations, found)
    if contradictions and params.published is None:
        _refuse(annotations_file, contradictions)
    _check_additions(params, annotations, sharding)

    rows = (_row(item, found.get(item.path), sharding.shard_of(item.path)) for item in annotations)
    write_table(project.inventory(benchmark), INVENTORY, rows)
    plans = _write_plans(project, params, sharding, found)
    pairs = ((item.id, found[item.path].sha256 if item.path in found else "") for item in annotations)
    return seal(
        project,
        StageResult(
            stage=f"inventory@{benchmark}",
            command=["gsf", "inventory", benchmark],
            params=params_used(
                project, params_file, ["videos", "annotations", "shards", "on_missing", "on_unreadable"]
            ),
            inputs=inputs,
            outputs=[project.inventory(benchmark), *plans],
            entry=ENTRY,
            tools=["av"],
            facts={
                "annotations": len(annotations),
                "videos": len(found),
                "missing": sum(item.path not in found for item in annotations),
                "bytes": sum(finding.bytes for finding in found.values()),
                "problems": sum(bool(finding.problem) for finding in found.values()),
                "repeated": repeated,
                "contradictions": contradictions,
                "videos_digest": pairs_digest(pairs),
            },
        ),
        project.inventory_receipt(benchmark),
    )


def _inputs(project: Project, params: Benchmark, annotations: Path) -> list[Input]:
    """Annotations come from the render or the annotate stage, or are a root of the chain, as the additions are."""
    additions = [] if params.additions is None else [root_input(project, _there(params, "additions", project))]
    if params.render is not None:
        return linked_inputs(project, project.render_receipt(params.name), [annotations]) + additions
    if params.published is not None:
        return linked_inputs(project, project.annotate_receipt(params.name), [annotations]) + additions
    return [root_input(project, _there(params, "annotations", project)), *additions]


def _there(params: Benchmark, key: str, project: Project) -> Path:
    """The file that a key of the benchmark file names."""
    path: Path = project.root / getattr(params, key)
    if not path.is_file():
        raise DataError(
            f"{path}: no such file, must be the {key} of {params.name}; see `{key}` in"
            f" params/benchmarks/{params.name}.yaml"
        )
    return path


def _present(project: Project, params: Benchmark, annotations: Sequence[Annotation], root: Path) -> list[str]:
    """The annotated videos that are in the folder, each once; DataError where one is not and that is not allowed.

    The folder of a rendered benchmark is an output, and is looked at itself.
    """
    if params.render is not None:
        listed = {item.path for item in scan(root)}
    else:
        listed = read_listing(project.listing(params.name))
    if params.on_missing == "stop":
        check_present(annotations, listed, source=project.root / params.annotations, remedy=_remedy(params))
    return [path for path in dict.fromkeys(item.path for item in annotations) if path in listed]


def _remedy(params: Benchmark) -> str:
    if params.render is not None:
        return f"run `gsf render {params.name}` again"
    return (
        f"put them there and run `gsf scan {params.name}`, or remove their rows, or say `on_missing: exclude` in"
        f" params/benchmarks/{params.name}.yaml"
    )


def _check_problems(params: Benchmark, found: Found) -> None:
    unreadable = [finding.problem for finding in found.values() if finding.problem]
    if unreadable and params.on_unreadable == "stop":
        listed = "".join(f"\n  {problem}" for problem in unreadable)
        raise VideoError(
            f"{params.name}: {len(unreadable)} videos cannot be read:{listed}\n"
            f"mend or remove them, or say `on_unreadable: exclude` in params/benchmarks/{params.name}.yaml;"
            " what was hashed is kept"
        )


def _check_promised(source: Path, annotations: Iterable[Annotation], found: Found) -> None:
    """Raise DataError where annotations commit to other bytes than those in the folder."""
    wrong = [
        item
        for item in annotations
        if item.sha256 is not None and item.path in found and item.sha256 != found[item.path].sha256
    ]
    if wrong:
        first = wrong[0]
        raise DataError(
            f"{source}: {len(wrong)} videos are not what it says, such as {first.id}: its sha256 is"
            f" {found[first.path].sha256[:12]}, must be {str(first.sha256)[:12]}; get or render them again"
        )


def _same_bytes(annotations: Iterable[Annotation], found: Found) -> tuple[int, list[str]]:
    """How many readable whole videos repeat another, and in words which of them differ in label or split.

    Segments may differ: two actions may overlap in time, and one video may hold many.
    """
    first: dict[str, Annotation] = {}
    repeated: dict[str, list[Annotation]] = defaultdict(list)
    for item in annotations:
        finding = found.get(item.path)
        if finding is None or finding.problem or item.start_frame is not None:
            continue
        if first.setdefault(finding.sha256, item) is not item:
            repeated[finding.sha256].append(item)
    wrong = [text for key, group in repeated.items() if (text := _contradiction(first[key], group)) is not None]
    return sum(map(len, repeated.values())), wrong


def _refuse(source: Path, contradictions: Sequence[str]) -> NoReturn:
    """The error for annotations that people can edit; those of a published benchmark are what everybody has."""
    more = f"\n  and {len(contradictions) - SHOWN} more" if len(contradictions) > SHOWN else ""
    listed = "".join(f"\n  {text}" for text in contradictions[:SHOWN])
    raise DataError(
        f"{source}: the same bytes must have one label and be in one split; keep one row of each:{listed}{more}"
    )


def _contradiction(one: Annotation, group: Iterable[Annotation]) -> str | None:
    """What is wrong with videos that are the same bytes as `one`."""
    for two in group:
        if one.label != two.label:
            return f"{one.id} and {two.id} are the same video under two labels, {one.label!r} and {two.label!r}"
        if one.split != two.split:
            return f"{one.id} and {two.id} are the same video in two splits, {one.split} and {two.split}"
    return None


def _check_additions(params: Benchmark, annotations: Iterable[Annotation], sharding: Sharding) -> None:
    unknown = sorted(sharding.batches.keys() - {item.path for item in annotations}) if sharding.batches else []
    if unknown:
        raise DataError(
            f"{params.additions}: {len(unknown)} of its videos are not annotated, such as {unknown[0]}; remove their"
            f" rows, or add them to {params.annotations}"
        )


def _row(item: Annotation, found: Finding | None, shard: str) -> tuple[object, ...]:
    segment = (item.start_frame, item.stop_frame, item.fps)
    if found is None:
        found = Finding(bytes=0, sha256="", problem=f"{item.path}: is not in the folder of videos")
    facts = (found.frames, found.fps, found.width, found.height, found.rotation, found.codec, *segment)
    return (
        item.id, item.path, item.label, item.split, shard, found.bytes, found.sha256,
        *("" if fact is None else fact for fact in facts), found.problem,
    )  # fmt: skip


def _write_plans(project: Project, params: Benchmark, sharding: Sharding, found: Found) -> list[Path]:
    """One plan a shard, each with its receipt; returns the receipts. Files of an earlier plan are removed."""
    shards: dict[str, list[str]] = {name: [] for name in sharding.names}
    for path in found:
        shards[sharding.shard_of(path)].append(path)
    receipts = []
    for shard, paths in shards.items():
        planned = list(_planned(paths, found))
        write_if_changed(project.shard_plan(params.name, shard), plan_bytes(planned))
        _seal_plan(project, params.name, shard, planned)
        receipts.append(project.plan_receipt(params.name, shard))
    kept = {path.name for path in receipts} | {f"{shard}.csv" for shard in shards}
    folder = project.shard_plan(params.name, "00").parent
    for name in os.listdir(folder):  # noqa: PTH208
        if name not in kept:
            (folder / name).unlink()
    return receipts


def _planned(paths: Iterable[str], found: Found) -> Iterator[PlannedVideo]:
    for path in paths:
        finding = found[path]
        yield PlannedVideo(
            id=path,
            path=path,
            bytes=finding.bytes,
            sha256=finding.sha256,
            frames=finding.frames,
            problem=finding.problem,
        )


def _seal_plan(project: Project, benchmark: str, shard: str, planned: Sequence[PlannedVideo]) -> None:
    """The receipt of one plan: nothing in it comes from other shards. Its roots are the sha256 in the plan."""
    seal(
        project,
        StageResult(
            stage=f"plan@{benchmark}-{shard}",
            command=["gsf", "inventory", benchmark],
            params={},
            inputs=[],
            outputs=[project.shard_plan(benchmark, shard)],
            entry=ENTRY,
            tools=["av"],
            facts={"videos": len(planned), "bytes": sum(video.bytes for video in planned)},
        ),
        project.plan_receipt(benchmark, shard),
    )
