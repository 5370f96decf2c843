"""The inventory stage: what every annotated video is, by its bytes, and which shard it goes to.

Hashing hundreds of gigabytes takes hours, so each finding is written to the work folder at once: an interrupted run
goes on where it stopped, and later runs read only the videos that are new or changed.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gsf.data.annotations import SHOWN, Annotation, check_present, read_annotations
from gsf.data.columns import INVENTORY
from gsf.data.examine import Finding, examine_all
from gsf.data.listing import read_listing, scan, videos_folder
from gsf.errors import DataError, VideoError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.provenance.hashing import canonical_json, sha256_bytes, write_atomically
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Input, Receipt, StageResult, linked_inputs, root_input, seal
from gsf.store.plan import PlannedVideo, plan_bytes, shard_of
from gsf.tables import write_table

ENTRY = "gsf.data.inventory"


@dataclass(frozen=True)
class _Video:
    """An annotation and what was found of its video."""

    annotation: Annotation
    finding: Finding

    @property
    def id(self) -> str:
        return self.annotation.path


def run(project: Project, benchmark: str) -> Receipt:
    """Examine the annotated videos of a benchmark, plan its shards and seal the receipt."""
    params_file = project.params_file("benchmarks", benchmark)
    params = load(Benchmark, params_file)
    annotations_file = project.root / params.annotations
    annotations_input = _annotations_input(project, params, annotations_file)
    annotations = read_annotations(annotations_file)
    root = videos_folder(project, params)
    check_present(annotations, _listed(project, params, root), source=annotations_file, remedy=_remedy(params))

    found = examine_all(
        root,
        [item.path for item in annotations],
        work=project.work("inventory", benchmark),
        title=f"inventory {benchmark}",
    )
    videos = sorted(
        (_Video(item, found[item.path]) for item in annotations), key=lambda video: video.id.encode("utf-8")
    )
    _check_problems(params, videos)
    _check_promised(annotations_file, videos)
    repeated = _check_same_bytes(annotations_file, videos)

    write_table(project.inventory(benchmark), INVENTORY, [_row(video, params.shards) for video in videos])
    plans = _write_plans(project, params, videos)
    return seal(
        project,
        StageResult(
            stage=f"inventory@{benchmark}",
            command=["gsf", "inventory", benchmark],
            params=params_used(project, params_file, ["videos", "annotations", "shards", "on_unreadable"]),
            inputs=[annotations_input],
            outputs=[project.inventory(benchmark), *plans],
            entry=ENTRY,
            tools=["av"],
            facts={
                "videos": len(videos),
                "bytes": sum(video.finding.bytes for video in videos),
                "problems": sum(bool(video.finding.problem) for video in videos),
                "repeated": repeated,
                "videos_digest": sha256_bytes(canonical_json([[video.id, video.finding.sha256] for video in videos])),
            },
        ),
        project.inventory_receipt(benchmark),
    )


def _annotations_input(project: Project, params: Benchmark, path: Path) -> Input:
    """Annotations come from the stage that renders or annotates, or are a root of the chain."""
    if params.render is not None:
        return linked_inputs(project, project.render_receipt(params.name), [path])[0]
    if params.published is not None:
        return linked_inputs(project, project.annotate_receipt(params.name), [path])[0]
    if not path.is_file():
        raise DataError(
            f"{path}: no such file, must be the annotations of {params.name};"
            f" see `annotations` in params/benchmarks/{params.name}.yaml"
        )
    return root_input(project, path)


def _listed(project: Project, params: Benchmark, root: Path) -> set[str]:
    """The videos that are there; the folder of a rendered benchmark is an output, and is looked at itself."""
    if params.render is not None:
        return {item.path for item in scan(root)}
    return read_listing(project.listing(params.name))


def _remedy(params: Benchmark) -> str:
    if params.render is not None:
        return f"run `gsf render {params.name}` again"
    return f"put them there, or remove their rows; then run `gsf scan {params.name}`"


def _check_problems(params: Benchmark, videos: Iterable[_Video]) -> None:
    unreadable = [video.finding.problem for video in videos if video.finding.problem]
    if unreadable and params.on_unreadable == "stop":
        listed = "".join(f"\n  {problem}" for problem in unreadable)
        raise VideoError(
            f"{params.name}: {len(unreadable)} videos cannot be read:{listed}\n"
            f"mend or remove them, or say `on_unreadable: exclude` in params/benchmarks/{params.name}.yaml;"
            " what was hashed is kept"
        )


def _check_promised(source: Path, videos: Iterable[_Video]) -> None:
    """Raise DataError where annotations commit to other bytes than those in the folder."""
    wrong = [v for v in videos if v.annotation.sha256 is not None and v.annotation.sha256 != v.finding.sha256]
    if wrong:
        first = wrong[0]
        raise DataError(
            f"{source}: {len(wrong)} videos are not what it says, such as {first.id}: its sha256 is"
            f" {first.finding.sha256[:12]}, must be {str(first.annotation.sha256)[:12]}; get or render them again"
        )


def _check_same_bytes(source: Path, videos: Iterable[_Video]) -> int:
    """How many readable videos repeat another; DataError where two of them differ in label or split."""
    groups: dict[str, list[_Video]] = defaultdict(list)
    for video in videos:
        if not video.finding.problem:
            groups[video.finding.sha256].append(video)
    repeated = [group for group in groups.values() if len(group) > 1]
    wrong = [text for group in repeated if (text := _contradiction(group)) is not None]
    if wrong:
        more = f"\n  and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        listed = "".join(f"\n  {text}" for text in wrong[:SHOWN])
        raise DataError(
            f"{source}: the same bytes must have one label and be in one split; keep one row of each:{listed}{more}"
        )
    return sum(len(group) - 1 for group in repeated)


def _contradiction(group: Sequence[_Video]) -> str | None:
    """What is wrong with videos that are the same bytes."""
    first = group[0]
    for other in group[1:]:
        one, two = first.annotation, other.annotation
        if one.label != two.label:
            return f"{first.id} and {other.id} are the same video under two labels, {one.label!r} and {two.label!r}"
        if one.split != two.split:
            return f"{first.id} and {other.id} are the same video in two splits, {one.split} and {two.split}"
    return None


def _row(video: _Video, shards: int) -> tuple[object, ...]:
    note, found = video.annotation, video.finding
    facts = (found.frames, found.fps, found.width, found.height, found.rotation, found.codec)
    return (
        video.id, note.path, note.label, note.split, shard_of(video.id, shards), found.bytes, found.sha256,
        *("" if fact is None else fact for fact in facts), found.problem,
    )  # fmt: skip


def _write_plans(project: Project, params: Benchmark, videos: Iterable[_Video]) -> list[Path]:
    """One plan a shard; files of an earlier plan with more shards are removed."""
    rows: dict[str, list[PlannedVideo]] = {f"{number:02d}": [] for number in range(params.shards)}
    for video in videos:
        found = video.finding
        rows[shard_of(video.id, params.shards)].append(
            PlannedVideo(
                id=video.id,
                path=video.annotation.path,
                bytes=found.bytes,
                sha256=found.sha256,
                frames=found.frames,
                problem=found.problem,
            )
        )
    paths = {project.shard_plan(params.name, shard): plan_bytes(planned) for shard, planned in rows.items()}
    for path, data in paths.items():
        if not path.is_file() or path.read_bytes() != data:
            write_atomically(path, data)
    folder = next(iter(paths)).parent
    for name in os.listdir(folder):  # noqa: PTH208
        if folder / name not in paths:
            (folder / name).unlink()
    return list(paths)
