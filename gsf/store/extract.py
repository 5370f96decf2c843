"""The extract stage: the videos of one shard decoded into one LMDB file.

The cost follows what is new: frames of videos that did not change are copied from the shard's previous version, which
is kept as a hard link in the work folder; a shard without any change is that link. Videos finished before an
interruption lie in a spool. So a rerun decodes nothing twice.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gsf.errors import ParamsError, PipelineError, ProvenanceError, VideoError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.provenance.code import code_digests
from gsf.provenance.hashing import HashCache, canonical_json, sha256_bytes, sha256_file, write_atomically
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Receipt, StageResult, hash_cache, linked_inputs, seal
from gsf.store.plan import PlannedVideo, is_planned, read_plan
from gsf.store.reader import ShardReader
from gsf.store.spool import Spool
from gsf.store.writer import StoredVideo, write_shard
from gsf.tables import write_table
from gsf.video.ffmpeg import FrameStream, Limits, build_line
from gsf.video.probe import header_frames, is_whole_avi

ENTRY = "gsf.store.extract"
COLUMNS = ("id", "frames", "width", "height", "bytes", "reason")


@dataclass(frozen=True)
class _Job:
    """One extraction: what it decodes, how, and where it keeps what."""

    benchmark: Benchmark
    shard: str
    videos: Path
    plan: list[PlannedVideo]
    work: Path
    recipe: str  # digest of all that determines the frames of a video, but its bytes


def run(project: Project, benchmark: str, shard: str, *, processes: int | None = None) -> Receipt:
    """Extract one shard and seal its receipt; `processes` decoders run at once (default: the cores)."""
    params_file = project.params_file("benchmarks", benchmark)
    params = load(Benchmark, params_file)
    _check_planned(params, shard)
    plan_path = project.shard_plan(benchmark, shard)
    inputs = linked_inputs(project, project.plan_receipt(benchmark, shard), [plan_path])
    job = _Job(
        benchmark=params,
        shard=shard,
        videos=project.root / params.videos,
        plan=read_plan(plan_path),
        work=project.work("extract", benchmark, shard),
        recipe=_recipe(params),
    )
    target, table = project.shard(benchmark, shard), project.extracted(benchmark, shard)
    job.work.mkdir(parents=True, exist_ok=True)
    with _locked(job.work / "lock", what=f"extract {benchmark} {shard}"):
        state = _previous(job, hash_cache(project))
        if state is None or state["videos"] != _wanted(job) or _now_forbidden(job, state):
            state = _extract(job, state, processes=processes or len(os.sched_getaffinity(0)))
        _link(job.work / "previous.lmdb", target)
    write_table(table, COLUMNS, state["table"])
    usable = [row for row in state["table"] if not row[-1]]
    return seal(
        project,
        StageResult(
            stage=f"extract@{benchmark}-{shard}",
            command=["gsf", "extract", benchmark, shard],
            params=params_used(project, params_file, ["videos", "on_unreadable", "extract"]),
            inputs=inputs,
            outputs=[target, table],
            entry=ENTRY,
            tools=["lmdb", "av"],
            programs={"ffmpeg": build_line()},
            facts={
                "videos": len(usable),
                "frames": sum(int(row[1]) for row in usable),
                "excluded": len(state["table"]) - len(usable),
                "bytes": sum(int(row[4]) for row in usable),
                "logical_digest": state["logical_digest"],
            },
        ),
        project.extract_receipt(benchmark, shard),
    )


def _check_planned(params: Benchmark, shard: str) -> None:
    if not is_planned(params, shard):
        raise ParamsError(
            f"params/benchmarks/{params.name}.yaml: shards is {params.shards}, so that a shard is one of"
            f" 00 .. {params.shards - 1:02d}, not {shard!r}"
        )


def _recipe(params: Benchmark) -> str:
    code = code_digests("gsf.video.ffmpeg") | code_digests("gsf.video.probe")
    return sha256_bytes(canonical_json({"extract": params.extract.model_dump(), "ffmpeg": build_line(), "code": code}))


def _wanted(job: _Job) -> dict[str, str]:
    """What the shard should hold: sha256, or the problem known before, by id."""
    return {video.id: video.problem or video.sha256 for video in job.plan}


def _previous(job: _Job, hashes: HashCache) -> dict[str, Any] | None:
    """What the work folder knows of the shard's previous version, if it was made in the same way."""
    try:
        state: dict[str, Any] = json.loads((job.work / "previous.json").read_bytes())
        if state["recipe"] != job.recipe or hashes.sha256(job.work / "previous.lmdb") != state["sha256"]:
            return None
    except (OSError, ValueError, KeyError, TypeError, ProvenanceError):
        return None
    return state


def _now_forbidden(job: _Job, state: dict[str, Any]) -> bool:
    """Whether the previous version excluded videos and the benchmark file no longer allows that."""
    return job.benchmark.on_unreadable == "stop" and any(row[-1] for row in state["table"])


def _extract(job: _Job, previous: dict[str, Any] | None, *, processes: int) -> dict[str, Any]:
    """Decode what is new, write the shard into the work folder, and remember how it was made."""
    spool = Spool(job.work / "spool", job.recipe)
    stored: dict[str, StoredVideo] = {}
    reasons = {video.id: video.problem for video in job.plan if video.problem}
    earlier = ShardReader(job.work / "previous.lmdb")
    for video in job.plan:
        if previous is not None and not video.problem and previous["videos"].get(video.id) == video.sha256:
            if video.id in earlier:
                stored[video.id] = earlier[video.id]
        elif not video.problem and (found := spool.get(video.id, video.sha256)) is not None:
            stored[video.id] = found
    new = [video for video in job.plan if video.id not in stored and not video.problem]
    failures = _decode_all(job, new, spool, stored, processes=processes)
    reasons |= {video_id: str(error) for video_id, error in failures.items()}
    if reasons and job.benchmark.on_unreadable == "stop":
        listed = "\n".join(f"  {reason}" for reason in reasons.values())
        raise VideoError(
            f"shard {job.shard}: {len(reasons)} of {len(job.plan)} videos cannot be read:\n{listed}\n"
            f"mend or remove them, or say `on_unreadable: exclude` in params/benchmarks/{job.benchmark.name}.yaml;"
            " what was decoded is kept"
        )
    fresh = job.work / "next.lmdb"
    digest = write_shard(fresh, list(stored.items()))
    earlier.close()
    state = {
        "recipe": job.recipe,
        "videos": _wanted(job),
        "table": [_row(video, stored.get(video.id), reasons.get(video.id, "")) for video in job.plan],
        "logical_digest": digest,
        "sha256": sha256_file(fresh),
    }
    fresh.replace(job.work / "previous.lmdb")
    write_atomically(job.work / "previous.json", canonical_json(state))
    shutil.rmtree(job.work / "spool")
    return state


def _decode_all(
    job: _Job, videos: list[PlannedVideo], spool: Spool, stored: dict[str, StoredVideo], *, processes: int
) -> dict[str, VideoError]:
    """Decode videos into the spool, `processes` at once; the errors by id. Each thread drives one ffmpeg process."""
    failures: dict[str, VideoError] = {}

    def decode(video: PlannedVideo) -> tuple[PlannedVideo, StoredVideo | VideoError]:
        try:
            return video, _decode(job, video, spool)
        except VideoError as error:
            return video, error

    name = f"{job.benchmark.name}/{job.shard}"
    pool = ThreadPoolExecutor(processes)
    try:
        for video, result in tqdm(pool.map(decode, videos), name, len(videos), unit="video", mininterval=1):
            if isinstance(result, VideoError):
                failures[video.id] = result
            else:
                stored[video.id] = result
    finally:
        pool.shutdown(cancel_futures=True)  # of an interrupted run; nothing is left of one that ended
    return failures


def _decode(job: _Job, video: PlannedVideo, spool: Spool) -> StoredVideo:
    path, how = job.videos / video.path, job.benchmark.extract
    if not path.is_file() or sha256_file(path) != video.sha256:
        raise PipelineError(
            f"video {video.id}: {'changed' if path.is_file() else 'is gone'} since the inventory;"
            f" run `gsf scan {job.benchmark.name}` and the inventory stage again"
        )
    limits = Limits(seconds=how.max_seconds, frames=how.max_frames, pixels=how.max_pixels)
    assert how.short_side is not None  # of videos; the schema sees to it
    assert how.jpeg_quality is not None
    stream = FrameStream(path, name=video.id, short_side=how.short_side, quality=how.jpeg_quality, limits=limits)

    def checked() -> Iterator[bytes]:
        yield from stream
        promised, counts = header_frames(path, name=video.id), stream.counts
        fewer = promised is not None and counts is not None and counts.packets < promised
        if fewer and not is_whole_avi(path):
            there = 0 if counts is None else counts.packets
            raise VideoError(f"{video.id}: is cut short: its header says {promised} frames, {there} are there")

    return spool.put(video.id, video.sha256, checked())


def _row(video: PlannedVideo, stored: StoredVideo | None, reason: str) -> list[str]:
    if stored is None:
        return [video.id, "", "", "", "", reason]
    about = stored.description
    return [video.id, str(about.frames), str(about.width), str(about.height), str(about.bytes), ""]


def _link(source: Path, target: Path) -> None:
    """Put `source` at `target` without copying where the file system can."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(target)


@contextmanager
def _locked(path: Path, *, what: str) -> Iterator[None]:
    """Wait until no other process does the same."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tqdm.write(f"{what}: another process is at it, waiting")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
