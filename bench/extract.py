"""Speed of the extract stage against one ffmpeg command line a video that writes the same JPEG files, and its memory.

    python bench/extract.py [--videos FOLDER] [--limit 60] [--rounds 5] [--processes N]

Cases: clips of the built-in benchmark; clips of 2 s at 320x240, where the start of a process weighs most; real videos
where --videos names a folder (without it, those of an earlier run stay in the results). Every way decodes the same
videos with the same number of processes at once, in turn, round by round; a case is the ratio of medians. Ours includes
all that the stage does: hashes, checks, the LMDB file, the table and the receipt.

A third way is timed beside the two: PyAV in as many worker processes, which decode, scale and encode without a program
to start and without the stage's checks; its JPEG bytes are others. Memory is the peak of the stage's own process, for
50 and for 400 videos.
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
from fractions import Fraction
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import av
import numpy as np

from bench.lib.record import case, write
from gsf.project import Project
from gsf.provenance.hashing import sha256_file, write_atomically
from gsf.provenance.receipt import StageResult, seal
from gsf.store import extract
from gsf.store.plan import PlannedVideo, plan_bytes
from gsf.store.reader import ShardReader
from gsf.video.arrow import CLASSES, clip_frames
from gsf.video.ffmpeg import encode_h264, executable, frames_command, safe_url

GOAL, FLAT = 1.0, 0.9  # as fast as the command line; memory that does not grow
SHORT_SIDE, QUALITY, MAX_PIXELS = {"arrow": 72, "short": 240, "videos": 240}, 3, 100_000_000
PEAK = """
import resource, sys
from pathlib import Path
from gsf.project import Project
from gsf.store import extract
extract.run(Project(Path(sys.argv[1])), "bench", "00", processes=int(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
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


def make_project(root: Path, videos: list[Path], short_side: int, *, quality: int = QUALITY) -> Project:
    """A project whose one shard is planned to hold the videos, with a receipt that vouches for the plan."""
    (root / "params/benchmarks").mkdir(parents=True)
    text = PARAMS.format(videos=videos[0].parent, short_side=short_side, quality=quality, pixels=MAX_PIXELS)
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


def by_pyav(videos: list[Path], target: Path, short_side: int, processes: int) -> None:
    """A folder of JPEG files a video, without a program to start."""
    with get_context("fork").Pool(processes) as pool:
        pool.map(partial(one_by_pyav, target=target, short_side=short_side), videos, chunksize=1)


def one_by_pyav(path: Path, *, target: Path, short_side: int) -> None:
    folder = target / path.name
    folder.mkdir(parents=True)
    encoder = av.CodecContext.create("mjpeg", "w")
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"
        for number, frame in enumerate(container.decode(video=0)):
            scale = short_side / min(frame.width, frame.height)
            width, height = round(frame.width * scale), round(frame.height * scale)
            picture = frame.reformat(width, height, format="yuvj420p", interpolation="BICUBIC")
            if number == 0:
                encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
                encoder.time_base, encoder.thread_count = Fraction(1, 25), 1
                encoder.qmin = encoder.qmax = QUALITY
            picture.pts, picture.time_base = number, Fraction(1, 25)
            (folder / f"{number:08d}.jpg").write_bytes(b"".join(bytes(packet) for packet in encoder.encode(picture)))


def render_short(folder: Path, count: int) -> list[Path]:
    """Clips of 2 s at 320x240, coded as cameras do."""
    paths = []
    for number in range(count):
        images = clip_frames(CLASSES[number % len(CLASSES)], seed=(1, number), width=320, height=240, frames=(50, 50))
        raw, path = folder / "raw.mp4", folder / f"{number:03d}.mp4"
        pixels = (np.round(image * 255).astype(np.uint8).tobytes() for image in images)
        encode_h264(raw, pixels, width=320, height=240, fps=25, qp=12)
        command = [executable(), "-v", "error", "-nostdin", "-y", "-i", safe_url(raw), "-crf", "23", safe_url(path)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        raw.unlink()
        paths.append(path)
    return paths


def peak_memory(videos: list[Path], count: int, *, scratch: Path, processes: int) -> float:
    """MB that the stage's own process needs at most for `count` videos, which are links to a few."""
    folder = scratch / f"links-{count}"
    folder.mkdir()
    links = [folder / f"{number:04d}.mp4" for number in range(count)]
    for number, link in enumerate(links):
        os.link(videos[number % len(videos)], link)
    project = make_project(scratch / f"memory-{count}", links, SHORT_SIDE["arrow"])
    root = str(Path(__file__).resolve().parents[1])
    command = [sys.executable, "-c", PEAK, str(project.root), str(processes)]
    done = subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": root})
    return int(done.stdout) / 1000


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


def measure(name: str, videos: list[Path], *, scratch: Path, rounds: int, processes: int) -> list[dict[str, object]]:
    """The videos in all three ways, `rounds` times in turn after a round that warms up."""
    short_side, frames = SHORT_SIDE[name], 0
    spent: dict[str, list[float]] = {"ours": [], "theirs": [], "pyav": []}
    for number in range(rounds + 1):
        project = make_project(scratch / f"ours-{number}", videos, short_side)
        folder, other = scratch / f"theirs-{number}", scratch / f"pyav-{number}"
        ways: dict[str, Callable[[], object]] = {
            "ours": partial(extract.run, project, "bench", "00", processes=processes),
            "theirs": partial(by_command_lines, videos, folder, short_side, processes),
            "pyav": partial(by_pyav, videos, other, short_side, processes),
        }
        order = sorted(ways, reverse=number % 2 == 1)  # who goes first changes from round to round
        for way in order:
            taken = seconds(ways[way])
            if number:
                spent[way].append(taken)
        if not number:
            frames = check_same(project, videos, folder)
        for place in (folder, other, project.root):
            shutil.rmtree(place)
    speed = {way: len(videos) / statistics.median(times) for way, times in spent.items()}
    title = f"{name}: {len(videos)} videos, {frames} frames, {processes} processes, short side {short_side}"
    return [
        case(
            title + against, "throughput", speed["ours"], "videos/s", baseline=speed[way],
            ratio=speed["ours"] / speed[way], goal=goal,
        )
        for way, against, goal in (("theirs", "", GOAL), ("pyav", ", against PyAV in worker processes", None))
    ]  # fmt: skip


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
        (scratch / "short").mkdir()
        inputs = {
            "arrow": render(scratch / "arrow", options.limit),
            "short": render_short(scratch / "short", options.limit),
        }
        if options.videos is not None:
            found = sorted(
                path.resolve() for path in options.videos.iterdir() if path.suffix in {".mp4", ".avi", ".mkv"}
            )
            inputs["videos"] = found[: options.limit]
        cases = []
        for name, videos in inputs.items():
            cases += measure(name, videos, scratch=scratch, rounds=options.rounds, processes=options.processes)
        few, many = (
            peak_memory(inputs["arrow"], count, scratch=scratch, processes=options.processes) for count in (50, 400)
        )
        cases.append(
            case("memory: 400 videos against 50", "peak", many, "MB", baseline=few, ratio=few / many, goal=FLAT)
        )
    write("extract", cases, group=videos_of)


def videos_of(row: dict[str, Any]) -> str:
    """Which videos a case is about: real ones that were measured before stay when a run without `--videos` ends."""
    return str(row["case"]).partition(":")[0]


if __name__ == "__main__":
    main()
