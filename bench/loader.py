"""Clips a second of the loader, against the usual loader and against decoding the video files.

    python bench/loader.py [--videos FOLDER] [--network-rate CLIPS_A_SECOND]

Clips of 8 frames of 224 x 224 from 10-second videos of 256 lines: rendered ones, or those of a folder, looped to ten
seconds and coded anew with x264's defaults. All sides read from the page cache, take the same draws, and are timed from
the start of their processes to their last batch, in turn. The usual loader reads a folder of JPEG files a video with
Pillow, transforms frame by frame, and hands over normalised floats; ours hands over bytes, which the GPU normalises:
`floats` in a case's name means that our processes do that too.

The last cases say how many processes, one a core, feed an H100 that trains a network of so many clips a second.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from bench.lib.record import case, write
from bench.lib.turns import median_seconds
from bench.lib.usual_loader import (
    SEED,
    SEGMENTS,
    SIZE,
    JpegFolders,
    Position,
    VideoFiles,
    augmented,
    difference,
)
from gsf.data.clips import TrainingClips
from gsf.data.loader import training_loader
from gsf.data.preprocess import normalize
from gsf.data.videos import Split, Videos
from gsf.nn.own import IMAGENET
from gsf.params.augment import Augment, RandAugment
from gsf.store.layout import Description, FramesDigest
from gsf.store.writer import write_shard
from gsf.video.arrow import CLASSES, clip_frames
from gsf.video.ffmpeg import executable

FRAMES, RATE, WIDTH, HEIGHT, BATCH = 300, 30, 340, 256, 8
GOAL_FOLDERS, GOAL_FILES = 3.0, 5.0
SHARE_OF_FILES = 8  # whole videos are decoded so slowly that the start of a process does not count
RATES = (100, 250, 500, 1000)  # clips a second, where the network's rate was not measured
SCALES = [1.0, 0.875, 0.75, 0.66]
RECIPES = {
    "multi-scale crop and flip": Augment(scales=SCALES),
    "with RandAugment": Augment(scales=SCALES, rand_augment=RandAugment()),
}
CPU = torch.device("cpu")


class Floats(Dataset[tuple[torch.Tensor, int, int]]):
    """Our clips, normalised in the loader process."""

    def __init__(self, clips: TrainingClips) -> None:
        self._clips = clips

    def __getitem__(self, position: Position) -> tuple[torch.Tensor, int, int]:
        clip, label, index = self._clips[position]
        return normalize(clip, IMAGENET), label, index


class FolderVideo:
    """A folder of JPEG files, as the shard's writer takes a video."""

    def __init__(self, folder: Path) -> None:
        self._files = sorted(folder.glob("*.jpg"))
        digest, total = FramesDigest(), 0
        for data in self.read():
            digest.add(data)
            total += len(data)
        width, height = Image.open(self._files[0]).size
        self.description = Description(len(self._files), width, height, total, digest.hexdigest())

    def read(self) -> Iterator[bytes]:
        return (file.read_bytes() for file in self._files)


def ffmpeg(*arguments: str | Path, pixels: bytes | None = None) -> None:
    command = [executable(), "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)]
    subprocess.run(
        command if pixels is None else [part for part in command if part != "-nostdin"], input=pixels, check=True
    )


def make_videos(folder: Path, count: int, source: Path | None) -> list[Path]:
    """Ten seconds each at 30 frames a second, 256 lines, H.264 with x264's defaults."""
    folder.mkdir()
    found = (
        [] if source is None else sorted(path for path in source.iterdir() if path.suffix in {".mp4", ".avi", ".mkv"})
    )
    made = []
    for number in range(count):
        path = folder / f"{number:03d}.mp4"
        coding = ("-frames:v", str(FRAMES), "-c:v", "libx264", "-pix_fmt", "yuv420p", path)
        if found:
            scaling = f"scale={WIDTH}:{HEIGHT},fps={RATE}"
            ffmpeg("-stream_loop", "-1", "-i", found[number % len(found)].resolve(), "-an", "-vf", scaling, *coding)
        else:
            size = f"{WIDTH}x{HEIGHT}"
            pixels = b"".join(rendered(number))
            ffmpeg(
                "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", str(RATE), "-i", "-", *coding, pixels=pixels
            )
        made.append(path)
    return made


def rendered(number: int, frames: int = FRAMES) -> Iterator[bytes]:
    """Frames of the built-in benchmark with the noise of a camera, which makes JPEG files as large as real ones."""
    images = clip_frames(CLASSES[number % len(CLASSES)], seed=(0, number), width=WIDTH, height=HEIGHT, frames=(40, 40))
    noise = np.random.default_rng(number)
    for frame in range(frames):
        image = images[frame * len(images) // frames] * 255 + noise.normal(0, 3, (HEIGHT, WIDTH, 3))
        yield np.clip(image, 0, 255).astype(np.uint8).tobytes()


def make_folders(videos: Sequence[Path], folder: Path) -> list[Path]:
    """The frames as JPEG files."""
    for video in videos:
        (folder / video.stem).mkdir(parents=True)
        ffmpeg(
            "-i", video, "-fps_mode", "passthrough", "-q:v", "3", "-start_number", "0", folder / video.stem / "%05d.jpg"
        )
    return [folder / video.stem for video in videos]


def make_clips(shard: Path, folders: Sequence[Path], augment: Augment) -> TrainingClips:
    """Our side: the same JPEG bytes out of a shard."""
    if not shard.is_file():
        write_shard(shard, [(folder.name, FolderVideo(folder)) for folder in folders])
    count = len(folders)
    split = Split([folder.name for folder in folders], [0] * count, [FRAMES] * count, ["00"] * count)
    videos = Videos(split, {"00": shard})
    return TrainingClips(videos, num_segments=SEGMENTS, size=SIZE, augment=augment, flipped_labels=[0], seed=SEED)


def check_same(clips: TrainingClips, folders: Sequence[Path]) -> None:
    """That both sides make the same clips, but for the rounding of Pillow and of PyTorch."""
    for index in range(len(folders)):
        drawn, frames = clips.load((0, index))
        ours = drawn.transform(frames)
        for place, frame in enumerate(drawn.frames):
            with Image.open(folders[index] / f"{frame:05d}.jpg") as picture:
                off = difference(augmented(picture.convert("RGB"), drawn.transform), ours[place])
            if off > 3:  # grey levels on average; more at the edge of what a rotation moved in
                raise SystemExit(f"{drawn.transform}: the two sides differ by {off:.1f} grey levels, must be below 3")


def positions(epoch: int, videos: int, clips: int) -> list[list[Position]]:
    """Batches of one round."""
    order = [(epoch, number % videos) for number in range(clips)]
    return [order[start : start + BATCH] for start in range(0, clips, BATCH)]


class Side:
    """One way of loading; each round is an epoch of its own."""

    def __init__(self, make: Callable[[list[list[Position]]], DataLoader[object]], *, videos: int, clips: int) -> None:
        self._make, self._videos, self.clips = make, videos, clips
        self._epoch = 0

    def __call__(self) -> None:
        self._epoch += 1
        for _ in self._make(positions(self._epoch, self._videos, self.clips)):
            pass


def measure(
    folders: Sequence[Path], files: Sequence[Path], shard: Path, *, processes: int, clips: int, rounds: int
) -> tuple[list[dict[str, object]], dict[str, float]]:
    """The cases of so many loader processes, and clips a second by side."""
    cases, rates = [], {}

    def side(dataset: Dataset[object], *, share: int = 1) -> Side:
        def make(batches: list[list[Position]]) -> DataLoader[object]:
            return DataLoader(dataset, batch_sampler=batches, num_workers=processes)

        return Side(make, videos=len(folders), clips=clips // share)

    for recipe, augment in RECIPES.items():
        ours = make_clips(shard, folders, augment)
        check_same(ours, folders)
        sides = {
            "ours": Side(
                lambda batches, ours=ours: training_loader(ours, batches, workers=processes, device=CPU),
                videos=len(folders),
                clips=clips,
            ),
            "ours, floats": side(Floats(ours)),
            "folders": side(JpegFolders(folders, frames=FRAMES, augment=augment)),
            "files, seek": side(VideoFiles(files, frames=FRAMES, augment=augment, seek=True), share=SHARE_OF_FILES),
            "files, all": side(VideoFiles(files, frames=FRAMES, augment=augment, seek=False), share=SHARE_OF_FILES),
        }
        times = dict(zip(sides, median_seconds(list(sides.values()), rounds), strict=True))
        found = {name: sides[name].clips / spent for name, spent in times.items()}
        rates |= {f"{name}, {recipe}": rate for name, rate in found.items()}
        pairs = [("ours", "folders", "folder of JPEG files with Pillow", GOAL_FOLDERS)]
        pairs.append(("ours, floats", "folders", "folder of JPEG files with Pillow, floats", GOAL_FOLDERS))
        best = max("files, seek", "files, all", key=found.__getitem__)
        pairs.append(("ours", best, f"video files with PyAV ({best.split(', ')[1]})", GOAL_FILES))
        for mine, theirs, words, goal in pairs:
            cases.append(
                case(
                    f"{words}, {recipe}, {processes} processes",
                    "throughput",
                    found[mine],
                    "clips/s",
                    baseline=found[theirs],
                    ratio=found[mine] / found[theirs],
                    goal=goal,
                )
            )
    return cases, rates


def decoding_alone(folders: Sequence[Path], shard: Path, rounds: int) -> dict[str, object]:
    """The floor: our clips without any augmentation, against whole clips, in one process."""
    clips = make_clips(shard, folders, RECIPES["with RandAugment"])
    epoch = [0]

    def run(load: Callable[[Position], object]) -> None:
        epoch[0] += 1
        for index in range(len(folders)):
            load((epoch[0], index))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    decode, whole = median_seconds([lambda: run(clips.load), lambda: run(clips.__getitem__)], rounds)
    torch.set_num_threads(threads)
    rate = len(folders) / decode
    return case(
        "reading and decoding alone, no loader process",
        "throughput",
        rate,
        "clips/s",
        baseline=len(folders) / whole,
        ratio=whole / decode,
    )


def cores(rates: dict[str, float], network_rate: float | None) -> list[dict[str, object]]:
    """How many loader processes feed the network; baseline: how many of the usual ones."""
    ours, usual = (rates[f"{side}, with RandAugment"] for side in ("ours", "folders"))
    return [
        case(
            f"cores that feed an H100 at {rate:g} clips/s, with RandAugment",
            "cores",
            math.ceil(rate / ours),
            "cores",
            baseline=math.ceil(rate / usual),
            ratio=ours / usual,
        )
        for rate in ((network_rate,) if network_rate else RATES)
    ]


def main() -> None:
    """Measure one and two loader processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, help="folder of real videos; default: rendered ones")
    parser.add_argument("--count", type=int, default=16, help="videos")
    parser.add_argument("--clips", type=int, default=256, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--network-rate", type=float, help="clips a second of a training on an H100; default: a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        files = make_videos(scratch / "videos", options.count, options.videos)
        folders, shard = make_folders(files, scratch / "folders"), scratch / "00.lmdb"
        cases, one = [decoding_alone(folders, shard, options.rounds)], {}
        for processes in (1, 2):
            found, rates = measure(
                folders, files, shard, processes=processes, clips=options.clips, rounds=options.rounds
            )
            cases += found
            one = one or rates
    write("loader", cases + cores(one, options.network_rate))


if __name__ == "__main__":
    main()
