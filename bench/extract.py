"""Speed of the extract stage against one ffmpeg command line a video that writes the same JPEG files.

    python bench/extract.py [--videos FOLDER] [--limit 60] [--rounds 5] [--processes N]

Both decode the same videos with the same filter and the same number of processes at once, in turn, round by round; a
case is the ratio of medians. Ours includes all that the stage does: hashing and checking every video, the LMDB file,
the table and the receipt. Without --videos the clips are rendered ones of the built-in benchmark.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from bench.record import case, write
from gsf.project import Project
from gsf.provenance.hashing import sha256_file, write_atomically
from gsf.provenance.receipt import StageResult, seal
from gsf.store import extract
from gsf.store.plan import PlannedVideo, plan_bytes
from gsf.store.reader import ShardReader
from gsf.video.arrow import CLASSES, clip_frames
from gsf.video.ffmpeg import encode_h264, frames_command, safe_url

GOAL = 1.0  # as fast as the command line
SHORT_SIDE, QUALITY, MAX_PIXELS = {"arrow": 72, "videos": 240}, 3, 100_000_000
PARAMS = """\
name: bench
videos: {videos}
annotations: none.csv
shards: 1
extract:
  {{short_side: {short_side}, jpeg_quality: {quality}, max_seconds: 600, max_frames: 100000, max_pixels: {pixels}}}
labels: {{flip: forbid}}
"""


def render(folder: Path, count: int) -> list[Path]:
    """Clips of the built-in benchmark."""
    paths = []
    for number in range(count):
        path = folder / f"{number:03d}.mp4"
        label = CLASSES[number % len(CLASSES)]
        images = clip_frames(label, seed=(0, number), width=96, height=72, frames=(16, 40))
        pixels = (np.round(image * 255).astype(np.uint8).tobytes() for image in images)
        encode_h264(path, pixels, width=96, height=72, fps=12, qp=20)
        paths.append(path)
    return paths


def make_project(root: Path, videos: list[Path], short_side: int) -> Project:
    """A project whose one shard is planned to hold the videos, with a receipt that vouches for the plan."""
    (root / "params/benchmarks").mkdir(parents=True)
    text = PARAMS.format(videos=videos[0].parent, short_side=short_side, quality=QUALITY, pixels=MAX_PIXELS)
    (root / "params/benchmarks/bench.yaml").write_text(text)
    (root / "requirements.lock").write_text("")
    project = Project(root)
    rows = [PlannedVideo(path.name, path.name, path.stat().st_size, sha256_file(path), None, "") for path in videos]
    plan = project.shard_plan("bench", "00")
    write_atomically(plan, plan_bytes(rows))
    vouch = StageResult("plan@bench-00", ["gsf", "inventory", "bench"], {}, [], [plan], "gsf.store.plan")
    seal(project, vouch, project.plan_receipt("bench", "00"))
    return project


def by_command_lines(videos: list[Path], target: Path, short_side: int, processes: int) -> None:
    """What people do: a folder of JPEG files a video."""

    def one(path: Path) -> None:
        folder = target / path.name
        folder.mkdir(parents=True)
        pattern = str(folder / "%08d.jpg")
        command = frames_command(
            safe_url(path), short_side=short_side, quality=QUALITY, max_pixels=MAX_PIXELS, target=pattern
        )
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    with ThreadPoolExecutor(processes) as pool:
        list(pool.map(one, videos))


def seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def check_same(project: Project, videos: list[Path], folder: Path) -> int:
    """That both made the same pictures, byte for byte; how many."""
    reader, total = ShardReader(project.shard("bench", "00")), 0
    for path in videos:
        files = sorted((folder / path.name).glob("*.jpg"))
        if [file.read_bytes() for file in files] != list(reader[path.name]):
            raise SystemExit(f"{path.name}: the two ways differ, must be the same bytes")
        total += len(files)
    reader.close()
    return total


def measure(name: str, videos: list[Path], *, scratch: Path, rounds: int, processes: int) -> dict[str, object]:
    """One case: the videos, both ways, `rounds` times in turn after a round that warms up."""
    short_side, ours, theirs, frames = SHORT_SIDE[name], [], [], 0
    for number in range(rounds + 1):
        project = make_project(scratch / f"ours-{number}", videos, short_side)
        folder = scratch / f"theirs-{number}"
        ways: dict[str, Callable[[], object]] = {
            "ours": partial(extract.run, project, "bench", "00", processes=processes),
            "theirs": partial(by_command_lines, videos, folder, short_side, processes),
        }
        order = sorted(ways, reverse=number % 2 == 1)  # who goes first changes from round to round
        spent = {way: seconds(ways[way]) for way in order}
        if number:
            ours.append(spent["ours"])
            theirs.append(spent["theirs"])
        else:
            frames = check_same(project, videos, folder)
        shutil.rmtree(folder)
        shutil.rmtree(project.root)
    mine, other = statistics.median(ours), statistics.median(theirs)
    title = f"{name}: {len(videos)} videos, {frames} frames, {processes} processes, short side {short_side}"
    return case(
        title, "throughput", len(videos) / mine, "videos/s", baseline=len(videos) / other, ratio=other / mine, goal=GOAL
    )


def main() -> None:
    """Measure rendered clips, and real ones where a folder is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, help="folder of real videos")
    parser.add_argument("--limit", type=int, default=60, help="videos of a case")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        (scratch / "arrow").mkdir()
        inputs = {"arrow": render(scratch / "arrow", options.limit)}
        if options.videos is not None:
            found = sorted(
                path.resolve() for path in options.videos.iterdir() if path.suffix in {".mp4", ".avi", ".mkv"}
            )
            inputs["videos"] = found[: options.limit]
        cases = [
            measure(name, videos, scratch=scratch, rounds=options.rounds, processes=options.processes)
            for name, videos in inputs.items()
        ]
    write("extract", cases)


if __name__ == "__main__":
    main()
