"""Speed of `gsf verify`: the shallow check of the demo in a fresh clone, the deep one against `sha256sum`.

    python bench/verify.py [--megabytes 1024] [--rounds 3]

The shallow check is timed as a user does, with the start of the program. The deep one reads shards and videos that were
just written, so that they come from memory and the rate is that of hashing; `sha256sum` reads the same files, once one
after the other and once as many at a time as there are cores.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.lib.record import case, unmeasured, write
from bench.lib.turns import median_seconds
from gsf.project import Project
from gsf.proof.results import videos_digest
from gsf.proof.verify import verify
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import StageResult, linked_inputs, seal
from gsf.store.layout import Description, FramesDigest
from gsf.store.writer import write_shard
from gsf.tables import write_table

ROOT, LIMIT, GOAL = Path(__file__).resolve().parents[1], 2.0, 0.8
SHARDS, FRAMES, FRAME, VIDEO = 4, 64, 16_000, 2_000_000  # bytes of a frame and of a video


class Made:
    """A video of frames that no picture lies behind."""

    def __init__(self, number: int) -> None:
        self._number = number
        digest = FramesDigest()
        for frame in self.read():
            digest.add(frame)
        size = FRAMES * FRAME
        self.description = Description(frames=FRAMES, width=1, height=1, bytes=size, sha256=digest.hexdigest())

    def read(self) -> Iterator[bytes]:
        source = random.Random(self._number)
        for _ in range(FRAMES):
            yield source.randbytes(FRAME)


def make_project(root: Path, *, size: int) -> tuple[Project, list[Path]]:
    """A benchmark with half of `size` bytes in shards and half in videos, and all of its files."""
    for name, text in (("dvc.yaml", "stages: {}\n"), ("requirements.lock", "")):
        (root / name).write_text(text)
    project, videos = Project(root), root / "videos"
    benchmark = project.params_file("benchmarks", "made")
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text("videos: videos\n")
    videos.mkdir()
    rows = []
    for number in range(max(1, size // 2 // VIDEO)):
        path = videos / f"{number:05d}.mp4"
        path.write_bytes(random.Random(number).randbytes(VIDEO))
        row = {"id": path.name, "path": path.name, "shard": "00", "bytes": str(VIDEO), "sha256": sha256_file(path)}
        rows.append(row)
    write_table(project.inventory("made"), tuple(rows[0]), [tuple(row.values()) for row in rows])
    facts = {"videos_digest": videos_digest(rows)}
    words, entry = ("gsf", "inventory", "made"), "gsf.data.inventory"
    inventory = project.inventory("made")
    result = StageResult("inventory@made", words, {}, [], [inventory], entry=entry, facts=facts)
    seal(project, result, project.inventory_receipt("made"))
    files = [inventory, *videos.iterdir()]
    count = max(1, size // 2 // SHARDS // (FRAMES * FRAME))
    for number in range(SHARDS):
        shard = f"{number:02d}"
        path = project.shard("made", shard)
        made = [(f"{video:05d}", Made(number * count + video)) for video in range(count)]
        facts = {"logical_digest": write_shard(path, made)}
        order, entry = ("gsf", "extract", "made", shard), "gsf.store.extract"
        inputs = linked_inputs(project, project.inventory_receipt("made"), [inventory])
        result = StageResult(f"extract@made-{shard}", order, {}, inputs, [path], entry=entry, facts=facts)
        seal(project, result, project.extract_receipt("made", shard))
        files.append(path)
    return project, files


def deep(project: Project) -> None:
    """The deep check; SystemExit where it finds anything broken."""
    verdict = verify(project, deep=True)
    if not verdict.ok:
        sys.exit(f"bench/verify.py: the made project must hold: {verdict.to_text()}")


def sha256sum(files: list[Path], *, processes: int) -> None:
    """The same files with coreutils."""
    names = "\0".join(str(file) for file in files).encode()
    each = str(max(1, len(files) // (4 * processes))) if processes > 1 else str(len(files))
    command = ["xargs", "-0", "-P", str(processes), "-n", each, "sha256sum"]
    subprocess.run(command, input=names, stdout=subprocess.DEVNULL, check=True)


def shallow(clone: Path) -> None:
    """`gsf verify demo` as a user calls it; an exit code of 1 means broken."""
    subprocess.run([sys.executable, "-m", "gsf", "verify", "demo"], cwd=clone, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1024, help="that the deep check reads")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    name = "shallow check of results/demo in a fresh clone, start of the program included, against the limit of 2 s"
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        done = subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], capture_output=True, check=False)
        if done.returncode:
            cases.append(unmeasured(name, "time", "s", reason="the project is in no git repository", goal=1.0))
        else:
            (seconds,) = median_seconds([partial(shallow, clone)], options.rounds)
            cases.append(case(name, "time", seconds, "s", baseline=LIMIT, ratio=LIMIT / seconds, goal=1.0))
    with tempfile.TemporaryDirectory() as folder:
        project, files = make_project(Path(folder), size=options.megabytes * 1_000_000)
        size = sum(file.stat().st_size for file in files)
        cores = os.cpu_count() or 1
        ours, one, many = median_seconds(
            [
                partial(deep, project),
                partial(sha256sum, files, processes=1),
                partial(sha256sum, files, processes=cores),
            ],
            options.rounds,
        )
    for against, theirs in (("sha256sum", one), (f"sha256sum, {cores} at a time", many)):
        cases.append(
            case(
                f"deep check of {size / 1e6:.0f} MB in {len(files)} files, against {against}",
                "rate",
                size / ours / 1e6,
                "MB/s",
                baseline=size / theirs / 1e6,
                ratio=theirs / ours,
                goal=GOAL,
            )
        )
    write("verify", cases)


if __name__ == "__main__":
    main()
