"""Damaged shards: any changed byte is found, the video is named, and nothing takes the process down."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from gsf.errors import ShardError
from gsf.isolated import call
from gsf.store.check import Content, Facts, read_damaged
from gsf.store.lmdb_file import check_size
from gsf.store.reader import ShardReader
from gsf.store.writer import write_shard
from tests.store.test_shard import Video

PAGE = 4096


def small_shard(path: Path) -> list[tuple[str, Video]]:
    """Frames that share a page, fill several, and are more than one tree page can point to."""
    random_bytes = random.Random(0).randbytes
    videos = [
        ("a/one.mp4", Video(tuple(random_bytes(300) for _ in range(40)))),
        ("b/two.mp4", Video(tuple(random_bytes(9000 + 100 * n) for n in range(5)))),
        ("c/three.mp4", Video(tuple(random_bytes(2500) for _ in range(90)))),
    ]
    write_shard(path, videos)
    return videos


def facts(videos: list[tuple[str, Video]]) -> dict[str, Facts]:
    described = {name: video.description for name, video in videos}
    return {name: (about.frames, about.width, about.height, about.bytes) for name, about in described.items()}


def owners(data: bytes, videos: list[tuple[str, Video]]) -> dict[range, str]:
    """Where the bytes of each frame and description lie in the file, and whose they are."""
    found = {}
    for name, video in videos:
        for value in (video.description.encode(), *video.frames):
            start = data.find(value)
            assert start >= 0
            found[range(start, start + len(value))] = name
    return found


def offsets(size: int, *, seed: int, each: int) -> list[int]:
    """Bytes of every page: its header, and `each` drawn at random."""
    draw = random.Random(seed)
    found: list[int] = []
    for page in range(0, size, PAGE):
        found += [page + draw.randrange(24), *(page + draw.randrange(PAGE) for _ in range(each))]
    return found


def flip_and_check(tmp_path: Path, *, seed: int, each: int) -> tuple[int, int]:
    """Flip one byte at a time, check each file; returns how many flips there were, and how many in unused bytes."""
    path = tmp_path / "x.lmdb"
    videos = small_shard(path)
    digest, data = ShardReader(path).logical_digest(), path.read_bytes()
    ShardReader(path).close()
    whose, unused = owners(data, videos), 0
    places = offsets(len(data), seed=seed, each=each)
    for offset in places:
        changed = bytearray(data)
        changed[offset] ^= 1 << random.Random(offset).randrange(8)
        path.write_bytes(changed)
        found = read_damaged(path, expected=facts(videos), seconds=20)
        owner = next((name for place, name in whose.items() if offset in place), None)
        if owner is not None:
            assert any(owner in problem for problem in found.problems), (offset, found)
        elif not found.problems:
            # No frame and no description has changed, so whatever did holds none of them, or a page keeps its sense.
            assert found.logical_digest == digest, (offset, found)
            unused += 1
    return len(places), unused


def test_any_flipped_byte_is_found_and_its_video_named(tmp_path: Path) -> None:
    flips, unused = flip_and_check(tmp_path, seed=1, each=1)
    assert flips > 100
    assert 0 < unused < flips / 2


@pytest.mark.slow
def test_any_flipped_byte_of_many_more_is_found(tmp_path: Path) -> None:
    flip_and_check(tmp_path, seed=2, each=30)


def lookup(path: str, name: str) -> str:
    try:
        return f"{len(list(ShardReader(Path(path))[name]))} frames"
    except ShardError as error:
        return str(error)


def test_a_shard_cut_anywhere_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "x.lmdb"
    small_shard(path)
    data = path.read_bytes()
    cuts = [0, 1, 100, PAGE - 1, PAGE, PAGE + 100, 2 * PAGE, 3 * PAGE + 5, len(data) // 2, len(data) - PAGE]
    for cut in [*cuts, len(data) - 1]:
        path.write_bytes(data[:cut])
        assert "x.lmdb: is damaged" in call(lookup, seconds=20, path=str(path), name="c/three.mp4")
    path.write_bytes(data)
    check_size(path)


def test_a_cut_shard_is_checked_and_every_video_named(tmp_path: Path) -> None:
    path = tmp_path / "x.lmdb"
    videos = small_shard(path)
    path.write_bytes(path.read_bytes()[: 3 * PAGE])
    found = read_damaged(path, expected=facts(videos), seconds=20)
    assert found.logical_digest is None
    assert all(any(name in problem for problem in found.problems) for name, _ in videos)


def test_a_video_too_many_or_too_few_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.lmdb"
    videos = small_shard(path)
    rows = facts(videos)
    less = read_damaged(path, expected={name: row for name, row in rows.items() if name != "b/two.mp4"}, seconds=20)
    assert "b/two.mp4: was not extracted into this shard" in less.problems[0]
    more = read_damaged(path, expected={**rows, "d.mp4": (1, 2, 3, 4)}, seconds=20)
    assert "d.mp4" in more.problems[0]
    other = read_damaged(path, expected={**rows, "b/two.mp4": (1, 2, 3, 4)}, seconds=20)
    assert "b/two.mp4: says" in other.problems[0]
    assert read_damaged(path, expected=rows, seconds=20) == Content([], ShardReader(path).logical_digest())
