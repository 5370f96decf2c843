"""The extract stage: the videos of one shard decoded into one LMDB file.

The cost follows what is new: frames of videos that did not change are copied from the shard's previous version, which
is kept as a hard link in the work folder; a shard without any change is that link. Videos finished before an
interruption lie in a spool. So a rerun decodes nothing twice.
"""

from __future__ import annotations

import errno
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

from gsf.errors import ParamsError, ProvenanceError, ShardError, VideoError
from gsf.machine import usable_cores
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.provenance.hashing import HashCache, canonical_json, sha256_file, write_atomically
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Receipt, StageResult, hash_cache, linked_inputs, seal
from gsf.store.decode import decode, packages, programs, recipe
from gsf.store.plan import PlannedVideo, is_planned, read_plan
from gsf.store.reader import ShardReader
from gsf.store.spool import Spool
from gsf.store.writer import StoredVideo, write_shard
from gsf.tables import write_table

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
        recipe=recipe(params),
    )
    target, table = project.shard(benchmark, shard), project.extracted(benchmark, shard)
    job.work.mkdir(parents=True, exist_ok=True)
    with _locked(job.work / "lock", what=f"extract {benchmark} {shard}"), _space_explained(job):
        state = _bring_up_to_date(job, target, hash_cache(project), processes=processes or usable_cores())
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
            tools=packages(params),
            programs=programs(params),
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


def _bring_up_to_date(job: _Job, target: Path, hashes: HashCache, *, processes: int) -> dict[str, Any]:
    """Put the shard at `target` and return what it is; where nothing is new, the previous version is linked."""
    _remove_leftovers(job, target)
    state = _previous(job, hashes)
    if state is not None and state["videos"] == _wanted(job) and not _now_forbidden(job, state):
        _link(job.work / state["file"], target)
        if hashes.sha256(target) == state["sha256"]:
            return state
        state = None  # damaged without a trace in size and time
    state = _extract(job, state, processes=processes)
    _link(job.work / state["file"], target)
    return state


def _remove_leftovers(job: _Job, target: Path) -> None:
    """Half-written files of extractions that were killed; the lock says that nobody writes them now."""
    for folder, pattern in ((job.work, ".*.tmp"), (job.work / "spool", "*.tmp"), (target.parent, f".{target.name}.*")):
        for path in folder.glob(pattern):
            path.unlink()


def _wanted(job: _Job) -> dict[str, str]:
    """What the shard should hold: sha256, or the problem known before, by id."""
    return {video.id: video.problem or video.sha256 for video in job.plan}


def _previous(job: _Job, hashes: HashCache) -> dict[str, Any] | None:
    """What the work folder knows of the shard's previous version, if it was made in the same way."""
    try:
        state: dict[str, Any] = json.loads((job.work / "previous.json").read_bytes())
        if state["recipe"] != job.recipe or hashes.sha256(job.work / state["file"]) != state["sha256"]:
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
    # Read again in full before frames are copied from it: the memory of hashes goes by size and time.
    usable = previous is not None and sha256_file(job.work / previous["file"]) == previous["sha256"]
    earlier = ShardReader(job.work / previous["file"]) if previous is not None and usable else None
    known = previous["videos"] if previous is not None else {}
    for video in job.plan:
        if earlier is not None and not video.problem and known.get(video.id) == video.sha256:
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
    if earlier is not None:
        earlier.close()
    sha256 = sha256_file(fresh)
    state: dict[str, Any] = {
        "recipe": job.recipe,
        "file": f"previous-{sha256[:16]}.lmdb",
        "videos": _wanted(job),
        "table": [_row(video, stored.get(video.id), reasons.get(video.id, "")) for video in job.plan],
        "logical_digest": digest,
        "sha256": sha256,
    }
    # The new file gets a name of its own, and the one small file that names it is replaced: at every moment one of the
    # two versions is whole and known.
    fresh.replace(job.work / state["file"])
    write_atomically(job.work / "previous.json", canonical_json(state))
    for path in job.work.glob("previous-*.lmdb"):
        if path.name != state["file"]:
            path.unlink()
    shutil.rmtree(job.work / "spool")
    return state


def _decode_all(
    job: _Job, videos: list[PlannedVideo], spool: Spool, stored: dict[str, StoredVideo], *, processes: int
) -> dict[str, VideoError]:
    """Decode videos into the spool, `processes` at once; the errors by id. Each thread drives one ffmpeg process."""
    failures: dict[str, VideoError] = {}

    def spooled(video: PlannedVideo) -> tuple[PlannedVideo, StoredVideo | VideoError]:
        try:
            frames = decode(job.benchmark, video, job.videos / video.path)
            return video, spool.put(video.id, video.sha256, frames)
        except VideoError as error:
            return video, error

    name = f"{job.benchmark.name}/{job.shard}"
    pool = ThreadPoolExecutor(processes)
    try:
        for video, result in tqdm(pool.map(spooled, videos), name, len(videos), unit="video", mininterval=1):
            if isinstance(result, VideoError):
                failures[video.id] = result
            else:
                stored[video.id] = result
    finally:
        pool.shutdown(cancel_futures=True)  # of an interrupted run; nothing is left of one that ended
    return failures


def _row(video: PlannedVideo, stored: StoredVideo | None, reason: str) -> list[str]:
    if stored is None:
        return [video.id, "", "", "", "", reason]
    about = stored.description
    return [video.id, str(about.frames), str(about.width), str(about.height), str(about.bytes), ""]


def _link(source: Path, target: Path) -> None:
    """Put `source` at `target` without copying where the file system can."""
    if target.exists() and target.samefile(source):
        return  # renaming one link of a file to another does nothing, and leaves both
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


@contextmanager
def _space_explained(job: _Job) -> Iterator[None]:
    """A full disk ends the stage with a remedy; nothing that was finished is lost."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        where = error.filename or job.work
        raise ShardError(
            f"{where}: cannot be written: {error.strerror}; make room and run the stage again: what is decoded is kept"
        ) from error
