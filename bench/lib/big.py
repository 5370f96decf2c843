"""A made benchmark `big`, as large as the largest: rows for real, files of a few bytes, frames for few of them."""

from __future__ import annotations

import hashlib
import io
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from gsf.data.videos import Split
    from gsf.project import Project
    from gsf.store.layout import Description

CLASSES = 174
FRAMES = 48  # of a video, as its extraction's table says
WIDTH, HEIGHT = 320, 240
FEW = 8  # classes where most videos are missing, so that each has some to train on
BENCHMARK = """\
name: big
videos: videos
source: {source}
annotations: params/benchmarks/big.csv
{additions}shards: {shards}
on_missing: {missing}
on_unreadable: stop
extract: {{{stored}max_seconds: 60, max_frames: 1000, max_pixels: 1000000}}
labels: {{flip: free}}
"""


def make_project(
    root: Path,
    *,
    shards: int,
    missing: Literal["stop", "exclude"],
    source: Literal["videos", "jpeg_folders"] = "videos",
    additions: bool = False,
) -> None:
    """The benchmark's parameters, and an empty folder of videos."""
    (root / "params/benchmarks").mkdir(parents=True, exist_ok=True)
    text = BENCHMARK.format(
        source=source,
        shards=shards,
        missing=missing,
        additions="additions: params/benchmarks/big.additions.csv\n" if additions else "",
        stored="short_side: 64, jpeg_quality: 5, " if source == "videos" else "",
    )
    (root / "params/benchmarks/big.yaml").write_text(text)
    (root / "requirements.lock").write_text("")
    (root / "videos").mkdir(exist_ok=True)


def write_annotations(root: Path, names: Iterable[str]) -> None:
    """The class is the folder, where there is one. A tenth of each class is for validation, another for the test."""
    splits = ("val", "test", *("train",) * 8)
    with (root / "params/benchmarks/big.csv").open("w") as file:
        file.write("path,label,split\n")
        for number, name in enumerate(names):
            label = name.split("/")[0] if "/" in name else f"class{number % CLASSES:03d}"
            file.write(f"{name},{label},{splits[number // FEW % 10]}\n")


def make_files(root: Path, names: Sequence[str]) -> None:
    """A video a name that holds only that, for stages which do not read it."""
    for folder in {name.split("/")[0] for name in names}:
        (root / "videos" / folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        with (root / "videos" / name).open("wb") as file:
            file.write(name.encode())


def make_folders(root: Path, names: Iterable[str], *, pictures: int) -> None:
    """A folder a name with so many empty files, for stages which only look at them."""
    files = [f"{number:05d}.jpg" for number in range(1, pictures + 1)]
    for name in names:
        folder = root / "videos" / name
        folder.mkdir()
        place = os.open(folder, os.O_RDONLY)
        for file in files:
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY, dir_fd=place))
        os.close(place)


def make_clips(root: Path, names: Iterable[str]) -> None:
    """Real clips, each with frames of its own."""
    from gsf.video.ffmpeg import encode_h264

    for number, name in enumerate(names):
        path = root / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng([number, len(name)])
        pixels = np.repeat(np.repeat(random.integers(0, 255, (24, 9, 12, 3), dtype=np.uint8), 8, 1), 8, 2)
        encode_h264(path, (frame.tobytes() for frame in pixels), width=96, height=72, fps=12, qp=24)


def remember(project: Project) -> None:
    """Fill the memory of the inventory: a sha256 and facts for each video, as a first run leaves them."""
    from gsf.data import examine, listing
    from gsf.params.base import load
    from gsf.params.benchmark import Benchmark

    pictures = load(Benchmark, project.params_file("benchmarks", "big")).source == "jpeg_folders"
    memory = examine._Memory(project.work("inventory", "big", "known.jsonl"))
    facts = {"frames": FRAMES, "fps": "12/1", "width": WIDTH, "height": HEIGHT, "rotation": 0, "codec": "vp9"}
    for item in listing.scan(project.root / "videos", folders=pictures):
        path = project.root / "videos" / item.path
        identity = {"bytes": item.bytes, "mtime_ns": item.mtime_ns, "inode": path.stat().st_ino}
        memory.remember(path, identity, hashlib.sha256(path.name.encode()).hexdigest(), facts)
    memory.close()


def pretend_extracted(project: Project) -> None:
    """The table and the receipt of each extraction, without a shard."""
    from gsf.provenance.receipt import StageResult, linked_inputs, seal
    from gsf.store.extract import COLUMNS
    from gsf.store.plan import hashed_names, read_plan
    from gsf.tables import write_table

    for shard in hashed_names(32):
        plan, table = project.shard_plan("big", shard), project.extracted("big", shard)
        rows = [(video.id, FRAMES, WIDTH, HEIGHT, 480_000, "") for video in read_plan(plan)]
        write_table(table, COLUMNS, rows)
        facts = {"videos": len(rows), "frames": FRAMES * len(rows), "excluded": 0}
        inputs = linked_inputs(project, project.plan_receipt("big", shard), [plan])
        command = ["gsf", "extract", "big", shard]
        result = StageResult(f"extract@big-{shard}", command, {}, inputs, [table], "gsf.store.plan", facts=facts)
        seal(project, result, project.extract_receipt("big", shard))


@dataclass(frozen=True)
class MadeVideo:
    """A video as the shard's writer takes it."""

    description: Description
    frames: list[bytes]

    def read(self) -> Iterator[bytes]:
        return iter(self.frames)


def store(project: Project, split: Split, rows: Iterable[int]) -> None:
    """Shards that hold the videos of these rows alone, all with the same frames."""
    from gsf.store.writer import write_shard

    video, held = made_video(), defaultdict(list)
    for row in rows:
        held[split.shards[row]].append((split.ids[row], video))
    for shard, videos in held.items():
        write_shard(project.shard("big", shard), videos)


def made_video() -> MadeVideo:
    """A clip of the built-in benchmark, each frame as a JPEG file by Pillow."""
    from PIL import Image

    from gsf.store.layout import Description, FramesDigest
    from gsf.video.arrow import CLASSES as ACTIONS
    from gsf.video.arrow import clip_frames

    frames, digest = [], FramesDigest()
    for pixels in clip_frames(ACTIONS[0], seed=(0, 0), width=WIDTH, height=HEIGHT, frames=(FRAMES, FRAMES)):
        buffer = io.BytesIO()
        Image.fromarray(np.round(pixels * 255).astype(np.uint8)).save(buffer, "JPEG", quality=88)
        frames.append(buffer.getvalue())
        digest.add(frames[-1])
    return MadeVideo(Description(FRAMES, WIDTH, HEIGHT, sum(map(len, frames)), digest.hexdigest()), frames)
