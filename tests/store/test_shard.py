"""A shard gives back what was put in, and its bytes follow from that alone."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gsf.errors import DataError, ShardError
from gsf.store.check import check_shard
from gsf.store.layout import Description, FramesDigest
from gsf.store.plan import PlannedVideo, plan_bytes, read_plan, shard_of
from gsf.store.reader import ShardReader
from gsf.store.spool import Spool
from gsf.store.writer import write_shard


@dataclass(frozen=True)
class Video:
    """Frames in memory."""

    frames: tuple[bytes, ...]

    @property
    def description(self) -> Description:
        digest = FramesDigest()
        for frame in self.frames:
            digest.add(frame)
        return Description(len(self.frames), 32, 24, sum(map(len, self.frames)), digest.hexdigest())

    def read(self) -> Iterator[bytes]:
        return iter(self.frames)


def some_videos(count: int = 3, frames: int = 5, size: int = 900) -> list[tuple[str, Video]]:
    return [
        (f"c{n % 2}/v{n}.mp4", Video(tuple(bytes([n, i % 256]) * (size + 7 * i) for i in range(frames))))
        for n in range(count)
    ]


ids = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=100)
contents = st.lists(st.binary(min_size=1, max_size=6000), min_size=1, max_size=4)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.dictionaries(ids, contents, max_size=5))
def test_what_was_written_is_read(tmp_path: Path, content: dict[str, list[bytes]]) -> None:
    path = tmp_path / "x.lmdb"
    digest = write_shard(path, [(name, Video(tuple(frames))) for name, frames in content.items()])
    reader = ShardReader(path)
    assert list(reader) == sorted(content, key=lambda name: name.encode("utf-8"))
    assert {name: list(reader[name]) for name in reader} == content
    assert reader.logical_digest() == digest
    assert check_shard(path) == []


def test_bytes_do_not_depend_on_order_or_run(tmp_path: Path) -> None:
    videos = some_videos(4, frames=700)  # more entries than one transaction holds
    one, two = write_shard(tmp_path / "a.lmdb", videos), write_shard(tmp_path / "b.lmdb", videos[::-1])
    assert one == two
    assert (tmp_path / "a.lmdb").read_bytes() == (tmp_path / "b.lmdb").read_bytes()


def test_another_frame_is_another_digest(tmp_path: Path) -> None:
    videos = some_videos()
    one = write_shard(tmp_path / "a.lmdb", videos)
    videos[1] = (videos[1][0], Video((*videos[1][1].frames[:-1], b"other")))
    assert write_shard(tmp_path / "b.lmdb", videos) != one


@pytest.mark.parametrize(("count", "frames", "size"), [(1, 1, 1), (1, 3000, 30), (2, 20, 300_000), (60, 1, 4090)])
def test_the_map_is_large_enough_for_any_mix_of_sizes(tmp_path: Path, count: int, frames: int, size: int) -> None:
    videos = some_videos(count, frames, size)
    write_shard(tmp_path / "x.lmdb", videos)
    name, video = videos[-1]
    assert ShardReader(tmp_path / "x.lmdb")[name][-1] == video.frames[-1]


def test_the_longest_id_fits(tmp_path: Path) -> None:
    name = "ä" * 200
    write_shard(tmp_path / "x.lmdb", [(name, Video((b"a",)))])
    assert list(ShardReader(tmp_path / "x.lmdb")[name]) == [b"a"]


def test_frames_are_a_sequence(tmp_path: Path) -> None:
    name, video = some_videos()[0]
    write_shard(tmp_path / "x.lmdb", [(name, video)])
    frames = ShardReader(tmp_path / "x.lmdb")[name]
    assert (len(frames), frames.width, frames.height) == (5, 32, 24)
    assert (frames[-1], frames[1:3], list(frames)) == (video.frames[4], list(video.frames[1:3]), list(video.frames))
    with pytest.raises(IndexError):
        frames[5]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.lmdb"
    write_shard(path, some_videos())
    before = path.read_bytes()

    @dataclass(frozen=True)
    class Lying(Video):
        @property
        def description(self) -> Description:
            return Description(1, 32, 24, 3, "0" * 64)

    with pytest.raises(ShardError, match="video bad: its frames in the work folder are damaged"):
        write_shard(path, [("bad", Lying((b"abc",)))])
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["x.lmdb"]


def test_one_file_may_be_read_by_two_names_and_replaced(tmp_path: Path) -> None:
    videos = some_videos()
    write_shard(tmp_path / "a.lmdb", videos[:1])
    (tmp_path / "b.lmdb").hardlink_to(tmp_path / "a.lmdb")
    readers = [ShardReader(tmp_path / name) for name in ("a.lmdb", "b.lmdb", "./a.lmdb")]
    assert [list(reader) for reader in readers] == [[videos[0][0]]] * 3
    write_shard(tmp_path / "a.lmdb", videos)
    assert [len(list(reader)) for reader in readers] == [3, 1, 3]


def _send_frame(reader: ShardReader, name: str, results: multiprocessing.Queue[bytes]) -> None:
    results.put(reader[name][1])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_reader_works_in_a_child_process_and_goes_on_here(tmp_path: Path, method: str) -> None:
    videos = some_videos()
    write_shard(tmp_path / "x.lmdb", videos)
    reader = ShardReader(tmp_path / "x.lmdb")
    name, video = videos[0]
    assert reader[name][0] == video.frames[0]  # opened here first
    context: Any = multiprocessing.get_context(method)
    results = context.Queue()
    child = context.Process(target=_send_frame, args=(reader, name, results))
    child.start()
    assert results.get(timeout=30) == video.frames[1]
    child.join()
    assert reader[name][2] == video.frames[2]


def test_a_missing_file_video_or_a_damaged_file_is_an_error_with_the_name(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"none\.lmdb: no such shard"):
        ShardReader(tmp_path / "none.lmdb")["a"]
    write_shard(tmp_path / "x.lmdb", some_videos())
    with pytest.raises(ShardError, match=r"x\.lmdb: holds no video nobody"):
        ShardReader(tmp_path / "x.lmdb")["nobody"]
    (tmp_path / "text.lmdb").write_text("hello" * 5000)
    with pytest.raises(ShardError, match=r"text\.lmdb: is damaged"):
        list(ShardReader(tmp_path / "text.lmdb"))


def test_check_names_the_video_with_a_changed_frame(tmp_path: Path) -> None:
    path, videos = tmp_path / "x.lmdb", some_videos(frames=3)
    write_shard(path, videos)
    name, video = videos[1]
    data = bytearray(path.read_bytes())
    data[data.find(video.frames[1][:500]) + 100] ^= 1
    path.write_bytes(data)
    problems = check_shard(path)
    assert len(problems) == 1
    assert name in problems[0]


def test_check_says_what_a_plan_promises_and_the_shard_lacks(tmp_path: Path) -> None:
    path, videos = tmp_path / "x.lmdb", some_videos()
    write_shard(path, videos[:2])
    rows = [PlannedVideo(name, name, 1, "0" * 64, None, "") for name, _ in videos[1:]]
    (tmp_path / "plan.csv").write_bytes(plan_bytes(rows))
    problems = check_shard(path, tmp_path / "plan.csv")
    assert [videos[0][0] in problems[0], videos[2][0] in problems[1], len(problems)] == [True, True, 2]


def test_shards_of_ids_are_stable_and_spread() -> None:
    assert [shard_of(name, 64) for name in ("a.mp4", "left/train_000.mp4", "ä")] == [
        "32",
        "61",
        "12",
    ]  # sha256sum, first 16 digits
    assert len({shard_of(str(n), 16) for n in range(500)}) == 16


def test_a_plan_comes_back_sorted_by_bytes(tmp_path: Path) -> None:
    rows = [PlannedVideo(name, name, 5, "ab", count, "") for name, count in (("ä", 3), ("z", None), ('a,"b', 7))]
    (tmp_path / "plan.csv").write_bytes(plan_bytes(rows))
    assert read_plan(tmp_path / "plan.csv") == [rows[2], rows[1], rows[0]]


@pytest.mark.parametrize("text", ["id,path\na,a\n", "id,path,bytes,sha256,frames,problem\na,a,many,0,,\n"])
def test_a_plan_of_another_form_is_an_error_with_the_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.csv").write_text(text)
    with pytest.raises(DataError, match=r"plan\.csv"):
        read_plan(tmp_path / "plan.csv")


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"x" + data[1:], lambda data: data[5:], lambda _: b""]
)
def test_a_damaged_spool_file_counts_as_absent(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    jpeg = bytes.fromhex("ffd8ffc0000b080018002001011100ffda0008010100003f00aabbffd9")
    spool = Spool(tmp_path, "recipe")
    stored = spool.put("a", "sha", [jpeg, jpeg])
    assert (stored.description.frames, stored.description.width, stored.description.height) == (2, 32, 24)
    found = spool.get("a", "sha")
    assert found is not None
    assert list(found.read()) == [jpeg, jpeg]
    assert spool.get("a", "other") is None
    assert Spool(tmp_path, "another recipe").get("a", "sha") is None
    stored.path.write_bytes(damage(stored.path.read_bytes()))
    assert spool.get("a", "sha") is None
