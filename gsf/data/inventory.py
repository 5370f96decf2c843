"""The inventory stage: every labelled video probed and hashed, and the plan of the shards."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from gsf.data.annotations import Annotation, read_annotations
from gsf.errors import DataError, VideoError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file, write_atomically
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Input, Receipt, StageResult, linked_inputs, root_input, seal
from gsf.store.plan import PlannedVideo, plan_bytes, shard_of
from gsf.store.tables import read_table, write_table
from gsf.video.probe import probe

ENTRY = "gsf.data.inventory"
COLUMNS = (
    *("id", "path", "label", "split", "shard", "bytes", "sha256", "frames", "fps", "width", "height", "rotation"),
    *("codec", "problem"),
)
_KEPT_EVERY = 2000  # videos after which finished work is written down


@dataclass(frozen=True)
class Examined:
    """One video as found on disk; `problem` says why it cannot be read."""

    bytes: int
    mtime_ns: int
    sha256: str
    frames: int | None = None
    fps: str = ""
    width: int | None = None
    height: int | None = None
    rotation: int | None = None
    codec: str = ""
    problem: str = ""


def run(project: Project, benchmark: str) -> Receipt:
    """Examine the videos of a benchmark, write inventory and shard plans, and seal the receipt."""
    params_file = project.params_file("benchmarks", benchmark)
    params = load(Benchmark, params_file)
    annotations_file = project.root / params.annotations
    annotations = read_annotations(annotations_file)
    _check_listed(project, benchmark, annotations)
    examined = _examine_all(project, benchmark, project.root / params.videos, annotations)
    _check_readable(examined, params)
    _check_digests(annotations, examined, where=project.relative(annotations_file))
    rows = [(annotation, examined[annotation.path]) for annotation in annotations]
    rows.sort(key=lambda row: row[0].path.encode("utf-8"))
    write_table(project.inventory(benchmark), COLUMNS, [_row(a, e, params.shards) for a, e in rows])
    plans = _write_plans(project, benchmark, rows, shards=params.shards)
    inputs: list[Input]
    if params.render is not None:
        inputs = linked_inputs(project, project.render_receipt(benchmark), [annotations_file])
    else:
        inputs = [root_input(project, annotations_file)]
    return seal(
        project,
        StageResult(
            stage=f"inventory@{benchmark}",
            command=["gsf", "inventory", benchmark],
            params=params_used(project, params_file, ["videos", "annotations", "shards", "on_unreadable"]),
            inputs=inputs,
            outputs=[project.inventory(benchmark), *plans],
            entry=ENTRY,
            tools=["av"],
            facts={
                "videos": len(rows),
                "bytes": sum(e.bytes for _, e in rows),
                "problems": sum(bool(e.problem) for _, e in rows),
                "videos_digest": videos_digest([(a.path, e.sha256) for a, e in rows]),
            },
        ),
        project.inventory_receipt(benchmark),
    )


def videos_digest(videos: Sequence[tuple[str, str]]) -> str:
    """One sha256 for the bytes of all videos: over the sorted list of (id, sha256)."""
    return sha256_bytes(canonical_json(sorted([list(video) for video in videos])))


def _check_listed(project: Project, benchmark: str, annotations: list[Annotation]) -> None:
    listed = {row["path"] for row in read_table(project.listing(benchmark), ("path", "bytes", "mtime_ns"))}
    missing = [annotation.path for annotation in annotations if annotation.path not in listed]
    if missing:
        shown = "\n".join(f"  {path}" for path in missing[:10])
        raise DataError(
            f"{benchmark}: {len(missing)} of {len(annotations)} annotated videos are not in the folder:\n{shown}\n"
            f"bring them, or take their rows out of the annotations (then `gsf scan {benchmark}`)"
        )


def _examine_all(
    project: Project, benchmark: str, folder: Path, annotations: list[Annotation]
) -> dict[str, Examined]:
    """Probe and hash what is new; what did not change in size and time is taken from the last inventory."""
    memory = project.work("inventory", f"{benchmark}.json")
    known = _remembered(memory)
    result: dict[str, Examined] = {}
    new = []
    for annotation in annotations:
        stat = (folder / annotation.path).stat()
        last = known.get(annotation.path)
        if last is not None and (last.bytes, last.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
            result[annotation.path] = last
        else:
            new.append(annotation.path)
    try:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool, tqdm(total=len(new), desc=benchmark, unit="video") as bar:
            for path, found in zip(new, pool.map(lambda p: _examine(folder / p, p), new), strict=True):
                result[path] = found
                bar.update()
                if bar.n % _KEPT_EVERY == 0:
                    _remember(memory, result)
    finally:
        _remember(memory, result)  # an interruption loses nothing that was hashed
    return result


def _examine(path: Path, name: str) -> Examined:
    stat = path.stat()
    digest = sha256_file(path)
    try:
        found = probe(path, name=name)
    except VideoError as error:
        return Examined(stat.st_size, stat.st_mtime_ns, digest, problem=str(error))
    return Examined(
        bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        sha256=digest,
        frames=found.frames,
        fps="" if found.fps is None else f"{found.fps.numerator}/{found.fps.denominator}",
        width=found.width,
        height=found.height,
        rotation=found.rotation,
        codec=found.codec,
    )


def _remembered(memory: Path) -> dict[str, Examined]:
    try:
        return {path: Examined(**entry) for path, entry in json.loads(memory.read_bytes()).items()}
    except (OSError, ValueError, TypeError):
        return {}  # none yet, or damaged: examine again


def _remember(memory: Path, result: dict[str, Examined]) -> None:
    write_atomically(memory, canonical_json({path: asdict(found) for path, found in result.items()}))


def _check_readable(examined: dict[str, Examined], params: Benchmark) -> None:
    problems = [found.problem for _, found in sorted(examined.items()) if found.problem]
    if problems and params.on_unreadable == "stop":
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise VideoError(
            f"{params.name}: {len(problems)} of {len(examined)} videos cannot be read:\n{listed}\n"
            f"mend or remove them, or say `on_unreadable: exclude` in params/benchmarks/{params.name}.yaml"
        )


def _check_digests(annotations: list[Annotation], examined: dict[str, Examined], *, where: str) -> None:
    """The same bytes never stand under two labels or in two splits, and are what the annotations say."""
    by_digest: dict[str, list[Annotation]] = defaultdict(list)
    for annotation in annotations:
        digest = examined[annotation.path].sha256
        if annotation.sha256 and annotation.sha256 != digest:
            raise DataError(
                f"{where}: sha256 of {annotation.path} is {digest[:12]} on disk, {annotation.sha256[:12]} there;"
                " the video was changed: restore it or run the stage that made it again"
            )
        by_digest[digest].append(annotation)
    for same in by_digest.values():
        first = same[0]
        for other in same[1:]:
            if other.label != first.label:
                raise DataError(
                    f"{where}: {first.path} ({first.label}) and {other.path} ({other.label}) are the same video,"
                    " must have one label: remove one of them"
                )
            if other.split != first.split:
                raise DataError(
                    f"{where}: {first.path} ({first.split}) and {other.path} ({other.split}) are the same video,"
                    " must be in one split: remove one of them"
                )


def _row(annotation: Annotation, found: Examined, shards: int) -> list[object]:
    known = (found.frames, found.fps, found.width, found.height, found.rotation, found.codec, found.problem)
    return [
        annotation.path,
        annotation.path,
        annotation.label,
        annotation.split,
        shard_of(annotation.path, shards),
        found.bytes,
        found.sha256,
        *("" if value is None else value for value in known),
    ]


def _write_plans(
    project: Project, benchmark: str, rows: list[tuple[Annotation, Examined]], *, shards: int
) -> list[Path]:
    """One plan a shard; plans of shards that are no more are removed."""
    plans: dict[str, list[PlannedVideo]] = {f"{number:02d}": [] for number in range(shards)}
    for annotation, found in rows:
        path = annotation.path
        video = PlannedVideo(path, path, found.bytes, found.sha256, found.frames, found.problem)
        plans[shard_of(path, shards)].append(video)
    paths = {shard: project.shard_plan(benchmark, shard) for shard in plans}
    for shard, videos in plans.items():
        write_atomically(paths[shard], plan_bytes(videos))
    for stale in set(paths["00"].parent.glob("*.csv")) - set(paths.values()):
        stale.unlink()
    return list(paths.values())
