"""A causal network frame by frame, against the usual network on a sliding window: frames a second, and latency.

    python bench/stream.py [--rounds 3] [--frames 48] [--threads 1] [--device auto]

GSF on ResNet-50 and MobileNetV2, 8 frames of 224 px, 174 classes, float32. Both sides answer for every frame: ours
computes the new frame, the other one all 8 of the window anew. `network alone` is one frame that is ready; from 480p,
1080p and 4K (H.264 of moving patterns and noise, 30 frames a second, as fast as they go) both sides read through
`gsf stream`'s own decoder, scaling, JPEG step and crop, which share the cores with the network. Latency: from when the
network takes a decoded frame to the answer. The sides take turns, round by round; throughput is a ratio of medians,
percentiles are over the frames of all rounds. The sliding window answers for fewer frames a round: it takes as long.
The clock of a round runs from its first frame to the one behind its last answer: starting a decoder, which the window
would spread over fewer frames, counts for neither side. The CPU time of a frame, which another load of the machine
changes less, stands beside what the network alone does.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from bench.lib.record import case, unmeasured, write
from gsf.data.preprocess import normalize
from gsf.nn import create_model
from gsf.params.model import Model
from gsf.stream.watcher import Watcher
from gsf.train.checkpoint import CheckpointInfo, build_model
from gsf.train.device import choose_device
from gsf.video.ffmpeg import executable
from gsf.video.live import Shots, Wanted
from gsf.video.source import source_of

BACKBONES = ("resnet50", "mobilenet_v2")
SOURCES = {"480p": "854x480", "1080p": "1920x1080", "4K": "3840x2160"}
TIME, SIZE, SHORT_SIDE, CLASSES = 8, 224, 256, 174
RATE = 30  # frames a second of the sources
GOAL = 5.0  # times the frames a second of the sliding window
PERCENTILES = (50, 95, 99)
Cases = list[dict[str, Any]]
Frames = Callable[[], Generator[bytes, None, None]]  # opens a source


class Side:
    """One way of answering for each frame; how long each answer took, and each round of `frames` answers."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.latencies, self.busy, self.rounds = list[float](), list[float](), list[float]()

    def answer(self, jpeg: bytes) -> None:
        raise NotImplementedError

    def run(self, open_source: Frames) -> None:
        """One round: answer for the first frames of a source, which has one more."""
        with closing(open_source()) as source:
            jpeg, first = next(source), time.perf_counter()
            for _ in range(self.frames):
                begin, worked = time.perf_counter(), time.process_time()
                self.answer(jpeg)
                self.latencies.append(time.perf_counter() - begin)
                self.busy.append(time.process_time() - worked)
                jpeg = next(source)
            self.rounds.append(time.perf_counter() - first)

    def clear(self) -> None:
        self.latencies.clear()
        self.busy.clear()
        self.rounds.clear()


class Streaming(Side):
    """The causal network as `gsf stream` runs it."""

    def __init__(self, model: Model, frames: int, device: torch.device) -> None:
        super().__init__(frames)
        info = CheckpointInfo(model=model, classes=[str(i) for i in range(CLASSES)], epoch=None, seed=None)
        self.watcher = Watcher(build_model(model, num_classes=CLASSES).eval(), info, device)

    def answer(self, jpeg: bytes) -> None:
        self.watcher(jpeg)


class Sliding(Side):
    """The usual network on the last 8 frames, each of which was prepared once."""

    def __init__(self, backbone: str, prepare: Watcher, frames: int, device: torch.device) -> None:
        super().__init__(frames)
        self._prepare, self._device = prepare, device
        self._network = create_model(backbone, "gsf", CLASSES, TIME).eval().to(device)
        empty = torch.zeros(3, SIZE, SIZE, device=device)
        self._window = deque([empty] * TIME, maxlen=TIME)

    @torch.inference_mode()
    def answer(self, jpeg: bytes) -> None:
        picture = self._prepare.picture(jpeg, name="frame").to(self._device)
        self._window.append(normalize(picture, self._network.preprocessing))
        torch.softmax(self._network(torch.stack(tuple(self._window))[None])[0].float().cpu().double(), -1).tolist()


def make_source(path: Path, size: str, frames: int) -> Path:
    """Moving patterns with the noise of a camera."""
    pattern = f"testsrc2=s={size}:r={RATE}:d={frames / RATE},noise=alls=12:allf=t"
    coding = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")
    command = [executable(), "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", pattern, *coding, str(path)]
    subprocess.run(command, check=True)
    return path


def jpegs(path: Path) -> Generator[bytes, None, None]:
    """The frames as `gsf stream` decodes them, until nobody wants more."""
    with Shots(source_of(str(path)), Wanted(SHORT_SIDE, 2, RATE)) as shots:
        for shot in shots:
            yield shot.jpeg


def repeated(jpeg: bytes) -> Generator[bytes, None, None]:
    """A frame that is ready, without end."""
    while True:
        yield jpeg


def measure(backbone: str, sources: dict[str, Path], options: argparse.Namespace, device: torch.device) -> Cases:
    """The cases of one backbone."""
    model = Model(
        name=backbone, backbone=backbone, temporal="gsf", num_segments=TIME, input_size=SIZE, short_side=SHORT_SIDE,
        causal=True,
    )  # fmt: skip
    ours = Streaming(model, options.frames, device)
    usual = Sliding(backbone, ours.watcher, max(3, options.frames // TIME), device)
    with closing(jpegs(sources["480p"])) as source:
        ready = next(source)
    ways: dict[str, Frames] = {"network alone": partial(repeated, ready)}
    ways |= {name: partial(jpegs, path) for name, path in sources.items()}
    cases = []
    for name, frames in ways.items():
        sides = (ours, usual)
        for side in sides:
            side.clear()
        for _ in range(options.rounds + 1):  # the first one warms up
            for side in sides:
                side.run(frames)
        rates = [side.frames / statistics.median(side.rounds[1:]) for side in sides]
        words = f"{backbone}, {name}"
        goal = GOAL if name == "network alone" else None
        cases.append(
            case(words, "throughput", rates[0], "frames/s", baseline=rates[1], ratio=rates[0] / rates[1], goal=goal)
        )
        if name == "network alone":
            mine, theirs = (1e3 * float(np.median(side.busy[side.frames :])) for side in sides)
            cases.append(
                case(words, "CPU time of a frame", mine, "ms", baseline=theirs, ratio=theirs / mine, goal=GOAL)
            )
        kept = [side.latencies[side.frames :] for side in sides]  # the first round warms up
        for share in PERCENTILES:
            mine, theirs = (1e3 * float(np.percentile(found, share)) for found in kept)
            cases.append(case(f"{words}, p{share}", "latency", mine, "ms", baseline=theirs, ratio=theirs / mine))
    return cases


def main() -> None:
    """Measure both backbones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=48, help="of a round; the sliding window takes an eighth")
    parser.add_argument("--threads", type=int, default=1, help="of the network on a CPU")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device = choose_device(options.device)
    with tempfile.TemporaryDirectory() as temporary:
        sources = {
            name: make_source(Path(temporary) / f"{name}.mp4", size, options.frames + 8)
            for name, size in SOURCES.items()
        }
        cases = [found for backbone in BACKBONES for found in measure(backbone, sources, options, device)]
    if device.type == "cpu":
        reason = "torch sees no CUDA device here"
        cases += [
            unmeasured(f"{backbone}, {name}, on a GPU", "throughput", "frames/s", reason=reason)
            for backbone in BACKBONES
            for name in ("network alone", *SOURCES)
        ]
    write("stream", cases, device=torch.cuda.get_device_name(device) if device.type == "cuda" else None)


if __name__ == "__main__":
    main()
