"""Whatever ends an extraction, the next one completes it: the same bytes, and nothing finished is done again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from gsf.project import Project
from gsf.store.check import check_shard
from gsf.store.reader import ShardReader
from gsf.video.ffmpeg import executable
from tests.store.small import make_clips, make_project, plan

NAMES = [f"{n:02d}.mp4" for n in range(6)]
SLOW = 0.3  # seconds
ROOT = Path(__file__).resolve().parents[2]
RUN = """
import os, resource, signal, sys
from pathlib import Path
from gsf.project import Project
import gsf.store.extract as extract

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

root, moment, file_bytes = sys.argv[1:]
if moment:
    setattr(extract, moment, die)
if int(file_bytes):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(file_bytes), int(file_bytes)))
extract.run(Project(Path(root)), "mini", "00", processes=2)
"""


def slowly(*values: object) -> ParameterSet:
    """A case much like another one, which `make test-slow` runs."""
    return pytest.param(*values, marks=pytest.mark.slow)


@dataclass(frozen=True)
class Bench:
    """A project whose every decoding is counted."""

    project: Project
    videos: Path
    log: Path
    slow: Path  # while this file is there, every decoding waits before it begins
    environment: dict[str, str]
    wanted: bytes  # of the shard that an undisturbed extraction wrote

    @property
    def shard(self) -> Path:
        return self.project.shard("mini", "00")

    def start(self, *, moment: str = "", file_bytes: int = 0, prefix: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        command = [*prefix, sys.executable, "-c", RUN, str(self.project.root), moment, str(file_bytes)]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, stderr=subprocess.PIPE)

    def run(self, *, moment: str = "", file_bytes: int = 0, prefix: tuple[str, ...] = ()) -> tuple[int, str]:
        child = self.start(moment=moment, file_bytes=file_bytes, prefix=prefix)
        words = child.communicate(timeout=120)[1]
        return child.returncode, words.decode()

    def begun(self) -> int:
        """How many decodings have begun since `decoded` was asked."""
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0

    def decoded(self) -> int:
        """How many videos were decoded since the last question."""
        count = self.begun()
        self.log.unlink(missing_ok=True)
        return count

    def completes(self, *, decodings: int) -> None:
        self.decoded()
        assert self.run()[0] == 0
        assert self.shard.read_bytes() == self.wanted
        assert self.decoded() <= decodings
        work = self.project.work("extract", "mini", "00")
        left = sorted(path.name for path in (*work.rglob("*"), *self.shard.parent.iterdir()))
        assert [name for name in left if name.endswith(".tmp")] == []
        assert len([name for name in left if name.startswith("previous-")]) == 1


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """The videos, and the shard that an undisturbed extraction makes of them."""
    root = tmp_path_factory.mktemp("clips")
    videos = make_clips(root / "videos", *NAMES, frames=30)
    bench = make_bench(root, videos, b"")
    assert bench.run()[0] == 0
    assert bench.decoded() == len(NAMES)
    return videos, bench.shard.read_bytes()


@pytest.fixture
def bench(tmp_path: Path, clips: tuple[Path, bytes]) -> Bench:
    videos = Path(shutil.copytree(clips[0], tmp_path / "videos"))
    return make_bench(tmp_path, videos, clips[1])


def make_bench(root: Path, videos: Path, wanted: bytes) -> Bench:
    counting, log, slow = root / "ffmpeg", root / "decodings.log", root / "slow"
    count = f'case "$*" in *mjpeg*) echo one >> "{log}"; [ ! -e "{slow}" ] || sleep {SLOW} ;; esac'
    counting.write_text(f'#!/bin/sh\n{count}\nexec "{executable()}" "$@"\n')
    counting.chmod(0o755)
    project = make_project(root / "project", videos=videos, short_side=64)
    plan(project, videos)
    environment = {**os.environ, "GSF_FFMPEG": str(counting), "PYTHONPATH": str(ROOT)}
    return Bench(project, videos, log, slow, environment, wanted)


@pytest.mark.parametrize("seed", [0, *(slowly(n) for n in range(1, 20))])
def test_kills_at_random_moments_cost_what_was_being_decoded(bench: Bench, seed: int) -> None:
    draw = random.Random(seed)
    bench.slow.touch()
    # Two videos are decoded at once: the six of them take at least three times as long as one waits.
    kills = sum(killed(bench, after=draw.uniform(0, 2 * SLOW)) for _ in range(3))
    bench.slow.unlink()
    assert kills, "no extraction was killed: all had ended before"
    allowed = len(NAMES) + 2 * kills - bench.decoded()
    assert allowed >= 0
    bench.completes(decodings=allowed)
    assert check_shard(bench.shard) == []


def killed(bench: Bench, *, after: float) -> bool:
    """Start an extraction and kill it so many seconds after its first decoding; False where it has ended by then."""
    before, child, deadline = bench.begun(), bench.start(), time.monotonic() + 60
    # From the first decoding on: before it there is nothing to lose.
    while child.poll() is None and bench.begun() == before and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(after)
    alive = child.poll() is None
    if alive:
        child.send_signal(signal.SIGKILL)
    child.communicate()
    return alive


@pytest.mark.parametrize("moment", ["write_atomically", "_link", slowly("write_shard"), slowly("seal")])
def test_a_kill_after_the_decoding_decodes_nothing_again(bench: Bench, moment: str) -> None:
    assert bench.run(moment=moment)[0] == -signal.SIGKILL
    assert bench.decoded() == len(NAMES)
    bench.completes(decodings=0)


@pytest.mark.parametrize("moment", [slowly("write_shard"), "write_atomically"])
def test_a_kill_while_one_video_is_added_keeps_all_others(bench: Bench, moment: str) -> None:
    extra = bench.videos / NAMES[3]
    data = extra.read_bytes()
    extra.unlink()
    plan(bench.project, bench.videos)
    assert bench.run()[0] == 0
    assert bench.decoded() == len(NAMES) - 1
    extra.write_bytes(data)
    plan(bench.project, bench.videos)
    assert bench.run(moment=moment)[0] == -signal.SIGKILL
    assert bench.decoded() == 1
    bench.completes(decodings=0)


def test_a_disk_that_is_full_while_decoding_is_an_error_with_a_remedy(bench: Bench) -> None:
    code, words = bench.run(file_bytes=4000)  # less than one video's frames
    assert code != 0
    assert "cannot be written" in words
    assert "make room and run the stage again" in words
    assert not bench.shard.exists()
    bench.completes(decodings=len(NAMES))


def test_a_disk_that_is_full_while_the_shard_is_written_keeps_what_is_decoded(bench: Bench) -> None:
    code, words = bench.run(file_bytes=len(bench.wanted) // 2)
    assert code != 0
    assert "next.lmdb: cannot be written" in words
    assert bench.decoded() == len(NAMES)
    bench.completes(decodings=0)


def test_a_file_system_without_space_is_no_other_case(bench: Bench, tmp_path: Path) -> None:
    """ENOSPC itself, from a tiny file system in a user namespace."""
    probe = ("unshare", "-Urm", "mount", "-t", "tmpfs", "none", str(tmp_path / "videos"))
    if shutil.which("unshare") is None or subprocess.run(probe, check=False, capture_output=True).returncode != 0:
        pytest.skip("needs user namespaces that may mount a tmpfs")
    work = bench.project.work()
    work.mkdir(exist_ok=True)
    size = len(bench.wanted) // 2
    mount = f'mount -t tmpfs -o size={size} none "{work}" && exec "$@"'
    code, words = bench.run(prefix=("unshare", "-Urm", "sh", "-c", mount, "sh"))
    assert code != 0
    assert "No space left on device; make room" in words
    bench.completes(decodings=len(NAMES))


@pytest.mark.parametrize("left", [slowly(0.0), 0.5])
def test_a_spool_file_cut_short_is_decoded_again_alone(bench: Bench, left: float) -> None:
    assert bench.run(moment="write_shard")[0] == -signal.SIGKILL
    spooled = sorted(bench.project.work("extract", "mini", "00", "spool").iterdir())
    os.truncate(spooled[2], int(left * spooled[2].stat().st_size))
    bench.completes(decodings=1)


@pytest.mark.parametrize(
    ("damage", "change"), [("flip", False), ("flip", True), slowly("cut", False), slowly("remove", True)]
)
def test_a_damaged_previous_version_is_not_used(bench: Bench, damage: str, change: bool) -> None:
    assert bench.run()[0] == 0
    (previous,) = bench.project.work("extract", "mini", "00").glob("previous-*.lmdb")
    bench.shard.unlink()
    status = previous.stat()
    if damage == "flip":
        with previous.open("r+b") as file:
            file.seek(len(bench.wanted) // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
        os.utime(previous, ns=(status.st_atime_ns, status.st_mtime_ns))  # as a disk does that forgets
    elif damage == "cut":
        os.truncate(previous, status.st_size // 2)
    else:
        previous.unlink()
    if not change:
        bench.completes(decodings=len(NAMES))
        return
    data = (bench.videos / NAMES[0]).read_bytes()
    (bench.videos / NAMES[0]).unlink()
    plan(bench.project, bench.videos)
    assert bench.run()[0] == 0
    assert list(ShardReader(bench.shard)) == NAMES[1:]
    assert check_shard(bench.shard) == []
    ShardReader(bench.shard).close()
    (bench.videos / NAMES[0]).write_bytes(data)
    plan(bench.project, bench.videos)
    bench.completes(decodings=len(NAMES))


def test_a_shard_cut_short_behind_the_stage_is_linked_anew(bench: Bench) -> None:
    assert bench.run()[0] == 0
    data = bench.shard.read_bytes()
    bench.shard.unlink()  # a copy, as the cache of another machine would bring: the kept version is whole
    bench.shard.write_bytes(data[: len(data) // 2])
    bench.decoded()
    bench.completes(decodings=0)


def test_two_extractions_at_once_decode_once(bench: Bench) -> None:
    children = [bench.start(), bench.start()]
    for child in children:
        child.communicate(timeout=120)
    assert [child.returncode for child in children] == [0, 0]
    assert bench.decoded() == len(NAMES)
    assert bench.shard.read_bytes() == bench.wanted
