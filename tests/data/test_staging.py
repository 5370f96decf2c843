"""Copies of shards on a node's own disk: made once, never stale, never in the way, and of no influence on a result."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gsf.cli import main
from gsf.data import staging
from gsf.data.staging import KEEP_DAYS, Shard, staged, staging_folder
from gsf.errors import ParamsError, ShardError
from gsf.project import Project
from gsf.provenance.hashing import sha256_bytes
from gsf.store import reader as reader_module

REPOSITORY = Path(__file__).resolve().parents[2]
ANOTHER_USER = 65534
Usage = namedtuple("Usage", "total used free")  # what shutil.disk_usage gives

# A process that stages the files named on its command line; PATCH stands for a line of Python.
PROCESS = """
import os, sys, time
from pathlib import Path
from gsf.data import staging
from gsf.errors import GsfError
from gsf.provenance.hashing import sha256_file
{patch}
try:
    print(*staging.staged({{name: staging.Shard(Path(name), sha256_file(Path(name))) for name in sys.argv[2:]}},
                          Path(sys.argv[1])).values(), flush=True)
except GsfError as error:
    sys.exit(str(error))
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _let_go() -> Iterator[None]:
    yield
    staging.release()


def shard(path: Path, data: bytes) -> Shard:
    path.write_bytes(data)
    return Shard(path, sha256_bytes(data))


def start(folder: Path, *shards: Path, patch: str = "") -> subprocess.Popen[str]:
    """A process that stages, and holds the copies until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS.format(patch=patch), str(folder), *map(str, shards)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def copies(folder: Path) -> set[str]:
    return {path.name for path in (folder / staging.HOME).iterdir()} - {"lock"}


def test_a_copy_has_the_bytes_and_the_name_of_its_digest_and_is_made_once(tmp_path: Path) -> None:
    found = {"00": shard(tmp_path / "00.lmdb", b"zero" * 1000), "01": shard(tmp_path / "01.lmdb", b"one")}
    places = staged(found, tmp_path / "node")
    for name, place in places.items():
        assert place.name == f"{found[name].sha256}.lmdb"
        assert place.read_bytes() == found[name].path.read_bytes()
        assert place.stat().st_mode & 0o222 == 0
    inodes = [place.stat().st_ino for place in places.values()]
    staging.release()
    assert staged(found, tmp_path / "node") == places
    assert [place.stat().st_ino for place in places.values()] == inodes


def test_two_shards_of_the_same_bytes_have_one_copy(tmp_path: Path) -> None:
    places = staged({name: shard(tmp_path / name, b"same") for name in "ab"}, tmp_path / "node")
    assert places["a"] == places["b"]
    assert copies(tmp_path / "node") == {places["a"].name}


def test_a_new_version_of_a_shard_is_never_read_from_the_old_copy(tmp_path: Path) -> None:
    old = staged({"00": shard(tmp_path / "00.lmdb", b"older")}, tmp_path / "node")["00"]
    new = staged({"00": shard(tmp_path / "00.lmdb", b"newer")}, tmp_path / "node")["00"]
    assert new.read_bytes() == b"newer"
    assert old.read_bytes() == b"older"  # another training may still read it


def test_a_copy_that_is_cut_short_is_made_again(tmp_path: Path) -> None:
    found = {"00": shard(tmp_path / "00.lmdb", b"whole")}
    place = staged(found, tmp_path / "node")["00"]
    staging.release()
    place.chmod(0o644)
    place.write_bytes(b"who")
    assert staged(found, tmp_path / "node")["00"].read_bytes() == b"whole"


def test_bytes_that_are_not_the_receipts_are_an_error_and_leave_nothing(tmp_path: Path) -> None:
    found = shard(tmp_path / "00.lmdb", b"as extracted")
    found.path.write_bytes(b"as changed..")
    with pytest.raises(ShardError, match=r"00\.lmdb: the bytes that were copied .*gsf verify --deep"):
        staged({"00": found}, tmp_path / "node")
    assert copies(tmp_path / "node") == set()


def test_a_shard_that_is_not_there_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"00\.lmdb: no such shard; run its extract stage, or `dvc pull`"):
        staged({"00": Shard(tmp_path / "00.lmdb", "0" * 64)}, tmp_path / "node")


def test_too_little_room_is_an_error_before_anything_is_copied_or_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = staged({"old": shard(tmp_path / "old", b"old")}, tmp_path / "node")["old"]
    staging.release()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 20))
    with pytest.raises(ShardError, match=r"must have 0\.00 GB for the shards that are not there yet; name another"):
        staged({"00": shard(tmp_path / "00.lmdb", b"x" * 24)}, tmp_path / "node")
    assert copies(tmp_path / "node") == {kept.name}


def test_room_is_made_by_removing_what_nobody_uses_the_longest_unused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, home = tmp_path / "node", tmp_path / "node" / staging.HOME
    found = {name: shard(tmp_path / name, name.encode() * 10) for name in ("used", "older", "newer")}
    places = staged(found, node)
    staging.release()
    for age, name in enumerate(("newer", "older", "used")):
        os.utime(places[name], (time.time() - 3600 * (age + 1),) * 2)
    user = start(node, found["used"].path)  # the oldest, but in use
    assert user.stdout is not None
    assert user.stdout.readline().strip() == str(places["used"])
    os.utime(places["used"], (1, 1))

    capacity = 150  # bytes: 140 of them are taken by the three copies

    def usage(path: object) -> Usage:
        taken = sum(file.stat().st_size for file in home.iterdir())
        return Usage(capacity, taken, capacity - taken)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    monkeypatch.setattr(staging, "KEEP_DAYS", 10**6)
    added = staged({"00": shard(tmp_path / "00.lmdb", b"x" * 60)}, node)["00"]
    assert copies(node) == {places["used"].name, places["newer"].name, added.name}
    user.communicate("")


def test_only_what_is_long_unused_and_half_written_copies_are_removed(tmp_path: Path) -> None:
    node = tmp_path / "node"
    places = staged({name: shard(tmp_path / name, name.encode()) for name in ("long ago", "recent", "needed")}, node)
    staging.release()
    for name in ("long ago", "needed"):
        os.utime(places[name], (time.time() - (KEEP_DAYS + 1) * 24 * 3600,) * 2)
    (node / staging.HOME / f".{'0' * 64}.lmdb.123.tmp").write_bytes(b"half")
    (node / staging.HOME / "notes.txt").write_text("not ours")
    wanted = {name: Shard(tmp_path / name, places[name].stem) for name in ["needed"]}
    added = staged(wanted | {"00": shard(tmp_path / "00.lmdb", b"more")}, node)
    assert copies(node) == {places["recent"].name, places["needed"].name, added["00"].name, "notes.txt"}


def test_processes_of_one_node_copy_a_shard_once(tmp_path: Path) -> None:
    paths = [shard(tmp_path / f"{number}.lmdb", bytes([number]) * 5000).path for number in range(3)]
    log = tmp_path / "log"
    slow = f"""
copy = staging._copy
def counted(place, shard, **options):
    time.sleep(0.2)
    open({str(log)!r}, "a").write(shard.path.name + "\\n")
    copy(place, shard, **options)
staging._copy = counted
"""
    group = [start(tmp_path / "node", *paths, patch=slow) for _ in range(3)]
    said = {process.communicate("")[0] for process in group}
    assert [process.returncode for process in group] == [0, 0, 0]
    assert len(said) == 1
    assert sorted(log.read_text().split()) == ["0.lmdb", "1.lmdb", "2.lmdb"]


def test_a_kill_while_copying_leaves_nothing_that_is_read(tmp_path: Path) -> None:
    found = shard(tmp_path / "00.lmdb", b"x" * 5000)
    killed = start(tmp_path / "node", found.path, patch="staging.tqdm.update = lambda *_: os.kill(os.getpid(), 9)")
    killed.communicate("")
    assert killed.returncode == -signal.SIGKILL
    assert [name[0] for name in copies(tmp_path / "node")] == ["."]
    place = staged({"00": found}, tmp_path / "node")["00"]
    assert place.read_bytes() == b"x" * 5000
    assert copies(tmp_path / "node") == {place.name}


def test_a_disk_that_takes_no_more_is_an_error_that_says_so(tmp_path: Path) -> None:
    found = shard(tmp_path / "00.lmdb", b"x" * 50_000)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    process = start(tmp_path / "node", found.path, patch=limit)
    _, said = process.communicate("")
    assert process.returncode == 1
    assert "shards cannot be copied to" in said
    assert "unset GSF_STAGE" in said
    assert copies(tmp_path / "node") == set()


def test_the_folder_is_filled_in_on_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GSF_STAGE", raising=False)
    assert staging_folder() is None
    monkeypatch.setenv("GSF_STAGE", "$NODE_DISK/me")
    monkeypatch.delenv("NODE_DISK", raising=False)
    with pytest.raises(ParamsError, match=r"GSF_STAGE is '\$NODE_DISK/me', must be a folder"):
        staging_folder()
    monkeypatch.setenv("NODE_DISK", "/scratch")
    assert staging_folder() == Path("/scratch/me")


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ShardError, match=r"cannot be made \(Not a directory\); name another folder, or unset"):
        staged({"00": shard(tmp_path / "00.lmdb", b"x")}, tmp_path / "file" / "node")


@pytest.mark.skipif(os.getuid() != 0, reason="NOT TESTED: only root can give a folder to another user")
def test_copies_of_another_user_are_not_trusted(tmp_path: Path) -> None:
    home = tmp_path / "node" / staging.HOME
    home.mkdir(parents=True)
    os.chown(home, ANOTHER_USER, ANOTHER_USER)
    with pytest.raises(ShardError, match=r"belongs to another user .*node/\$USER, or unset GSF_STAGE"):
        staged({"00": shard(tmp_path / "00.lmdb", b"x")}, tmp_path / "node")


def test_trainings_and_evaluations_read_the_copies_and_end_in_the_same_bytes(
    small_project: Callable[[], Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    environment = reader_module.lmdb.open

    def watched(path: str, **options: object) -> object:
        opened.append(Path(path))
        return environment(path, **options)

    monkeypatch.setattr(reader_module.lmdb, "open", watched)
    monkeypatch.setenv("GSF_STAGE", "")  # `--stage` sets it; put back afterwards
    monkeypatch.setenv("GSF_MLFLOW", "off")
    stored, copied = small_project(), small_project()
    place = ["arrow", "--study", "s", "--run", "tsn-s0", "--threads", "1", "--workers", "0", "--device", "cpu"]
    for project, more in ((stored, []), (copied, ["--stage", str(tmp_path / "node")])):
        monkeypatch.chdir(project.root)
        opened.clear()
        assert main(["train", *place, "--model", "tsn", "--recipe", "quick", "--seed", "0", *more]) == 0
        assert main(["evaluate", *place, "--protocol", "2x1x1", *more]) == 0
        assert {path.is_relative_to(tmp_path / "node") for path in opened} == {bool(more)}
    for name in ("train/tsn-s0/receipt.json", "evaluate/tsn-s0/2x1x1/receipt.json"):
        assert (stored.root / "runs/s" / name).read_bytes() == (copied.root / "runs/s" / name).read_bytes()
