"""Read every frame of a shard and compare it with what the shard, and the table or plan behind it, say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gsf.errors import GsfError, ShardError
from gsf.isolated import ChildDiedError, TookTooLongError, call
from gsf.store.layout import FramesDigest, LogicalDigest
from gsf.store.plan import read_plan
from gsf.store.reader import ShardReader

Facts = tuple[int, int, int, int]  # frames, width, height, bytes of a video, as `extracted/SS.csv` says
_DEATHS = 20  # videos on which LMDB may crash before the others count as lost


@dataclass(frozen=True)
class Content:
    """What a shard holds."""

    problems: list[str]  # each names its video
    logical_digest: str | None  # None where it cannot be computed


def check_shard(path: Path, plan: Path | None = None, *, expected: Mapping[str, Facts] | None = None) -> list[str]:
    """Problems found, each naming the video; empty where every frame is what was written.

    With a plan, a video that only one of the two knows is a problem too. One that the stage had to exclude counts as
    missing here: `expected`, the rows of `extracted/SS.csv`, knows better, and sizes besides.
    """
    reader = ShardReader(path)
    try:
        ids, problems = _ids(reader)
        for video_id in sorted({*ids, *(expected or {})}):
            problems += _video_problems(reader, video_id, expected)
    finally:
        reader.close()
    if plan is not None:
        planned = {video.id for video in read_plan(plan) if not video.problem}
        problems += [f"{path}: video {name}: is not in {plan}" for name in ids if name not in planned]
        problems += [f"{path}: video {name}: is in {plan}, not here" for name in sorted(planned - set(ids))]
    return problems


def read_content(path: Path, *, expected: Mapping[str, Facts] | None = None) -> Content:
    """Check a whole shard in this process: for files whose bytes are the promised ones."""
    found = _content(str(path), None if expected is None else {name: list(facts) for name, facts in expected.items()})
    return Content(**found)


def read_damaged(path: Path, *, expected: Mapping[str, Facts] | None = None, seconds: float) -> Content:
    """Check a shard that may be damaged anywhere, in child processes: LMDB trusts its files, and may crash or hang.

    Args:
        path: the shard.
        expected: what it should hold; without it, videos that cannot be found are not named.
        seconds: time for reading the whole file.
    """
    rows = {name: list(facts) for name, facts in (expected or {}).items()}
    try:
        found = call(_content, seconds=seconds, path=str(path), expected=rows if expected is not None else None)
        return Content(**found)
    except (ChildDiedError, TookTooLongError) as error:
        return Content([f"LMDB {_words(error)} on it", *_each(path, rows, seconds)], None)


def _each(path: Path, rows: Mapping[str, list[int]], seconds: float) -> Iterable[str]:
    """Problems of the videos that are known, each read by itself; a crash costs one of them."""
    deaths = 0
    for video_id, facts in rows.items():
        try:
            yield from call(_video, seconds=seconds, path=str(path), video_id=video_id, facts=facts)
        except (ChildDiedError, TookTooLongError) as error:
            deaths += 1
            yield f"{path}: video {video_id}: LMDB {_words(error)} on it"
        if deaths >= _DEATHS:
            yield f"{path}: LMDB crashed on {deaths} videos; those after {video_id} were not read"
            return


def _words(error: Exception) -> str:
    return "hangs" if isinstance(error, TookTooLongError) else f"crashes ({error})"


def _content(path: str, expected: dict[str, list[int]] | None) -> dict[str, Any]:
    rows = None if expected is None else {name: _facts(values) for name, values in expected.items()}
    problems = check_shard(Path(path), expected=rows)
    reader = ShardReader(Path(path))
    try:
        misplaced, logical = _walk(reader)
        return {"problems": problems or misplaced, "logical_digest": logical}
    except GsfError as error:
        return {"problems": problems or [str(error)], "logical_digest": None}
    finally:
        reader.close()


def _walk(reader: ShardReader) -> tuple[list[str], str]:
    """Entries that stand where they must not, in key order, and the logical digest."""
    digest, misplaced, expected = LogicalDigest(), [], b""
    for key, value in reader.entries():
        digest.add(key, value)
        video, end, number = key.partition(b"\0")
        if number and key != expected:
            name = video.decode("utf-8", "backslashreplace")
            misplaced.append(f"{reader.path}: video {name}: frame {number!r} stands where it does not belong")
        index = int(number) + 1 if number.isdigit() else 0
        expected = video + end + b"%08d" % index
    return misplaced[:_DEATHS], digest.hexdigest()


def _video(path: str, video_id: str, facts: list[int]) -> list[str]:
    reader = ShardReader(Path(path))
    try:
        return _video_problems(reader, video_id, {video_id: _facts(facts)})
    finally:
        reader.close()


def _facts(values: list[int]) -> Facts:
    frames, width, height, size = values
    return frames, width, height, size


def _ids(reader: ShardReader) -> tuple[list[str], list[str]]:
    """The ids that can be listed, and what prevents the others."""
    ids: list[str] = []
    try:
        ids.extend(reader)
    except ShardError as error:
        return ids, [str(error)]
    except UnicodeDecodeError as error:
        return ids, [f"{reader.path}: holds a key that is no video's name: {error}"]
    return ids, []


def _video_problems(reader: ShardReader, video_id: str, expected: Mapping[str, Facts] | None) -> list[str]:
    start = f"{reader.path}: video {video_id}:"
    if expected is not None and video_id not in expected:
        return [f"{start} was not extracted into this shard"]
    try:
        frames = reader[video_id]
        digest = FramesDigest()
        for frame in frames.read():
            digest.add(frame)
    except ShardError as error:
        return [str(error) if video_id in str(error) else f"{start} {error}"]
    about = frames.description
    if digest.hexdigest() != about.sha256:
        return [f"{start} its frames are not those that were extracted"]
    says = (about.frames, about.width, about.height, about.bytes)
    if expected is not None and says != expected[video_id]:
        return [f"{start} says {says} of itself, the table of its extraction {expected[video_id]}"]
    return []
