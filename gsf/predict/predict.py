"""`gsf predict`: what a trained network says of video files.

The frames of a file go the way that they go into a shard: the same ffmpeg command, the same JPEG step, the same
sampling, scaling and crops. So a video gets the logits that `gsf evaluate` gave it, but for the rounding of sums.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from gsf.data.sampling import Indices
from gsf.data.views import cut_views, view_frames
from gsf.deploy.trained import Trained
from gsf.errors import DataError, EvaluationError, ShardError, VideoError
from gsf.evaluate.metrics import probabilities
from gsf.evaluate.mirrored import check_mirrored, of_the_video
from gsf.evaluate.predict import forward_views, full_float32
from gsf.evaluate.scores import Array
from gsf.machine import usable_cores
from gsf.nn.model import VideoModel
from gsf.params.benchmark import Extract
from gsf.params.model import Model
from gsf.params.protocol import Protocol
from gsf.predict.answers import Answer, Prediction, ranked
from gsf.predict.frames import VideoFrames
from gsf.predict.labels import manifest_of
from gsf.predict.windows import Part, Sliding, parts
from gsf.train.checkpoint import CheckpointInfo

File = tuple[str, Path]  # what it is called, and where it lies


@dataclass(frozen=True)
class How:
    """How videos are decoded and looked at."""

    protocol: Protocol
    extract: Extract
    device: torch.device
    sliding: Sliding | None = None
    timelines: Path | None = None  # folder for a picture of each video


class Predictor:
    """A network and how it looks at videos.

    Attributes:
        network: in evaluation mode, on the device.
        model: its parameters.
        how: how videos are decoded and looked at.
        classes: by index of a logit.

    Raises:
        EvaluationError: the protocol has other clips than the network, or mirrored views where they are not allowed.
    """

    def __init__(self, network: VideoModel, info: CheckpointInfo, trained: Trained, how: How) -> None:
        self.network = network.to(how.device).eval()
        self.model: Model = info.model
        self.how = how
        self.classes = tuple(info.classes)
        protocol = how.protocol
        if protocol.frames != info.model.num_segments:
            raise EvaluationError(
                f"protocol {protocol.name}: frames is {protocol.frames}, must be the num_segments of the model,"
                f" {info.model.num_segments}; name a protocol of {info.model.num_segments} frames"
            )
        self._manifest = manifest_of(trained) if protocol.mirrored else None
        if self._manifest is not None:
            check_mirrored(protocol, self._manifest, benchmark=str(trained.benchmark))

    def predict(self, files: Iterable[File]) -> Iterator[Prediction]:
        """One prediction a file, in order; an unreadable one has a problem, and the others go on."""
        for name, frames in _decoded(files, self.how.extract):
            if isinstance(frames, str):
                yield Prediction(name, problem=frames)
                continue
            try:
                answers = self.answers(frames, self.how.sliding)
                if self.how.timelines is not None:
                    self._draw(self.how.timelines, frames, answers)
                yield Prediction(name, answers)
            except (VideoError, DataError) as error:
                yield Prediction(name, problem=str(error))
            finally:
                frames.close()

    def answers(self, frames: VideoFrames, sliding: Sliding | None = None) -> tuple[Answer, ...]:
        """What the network says of the whole video, or of each window."""
        return tuple(self.answers_of(frames, parts(len(frames), frames.rate, sliding, video=frames.name)))

    def answers_of(self, frames: VideoFrames, found: Sequence[Part]) -> Iterator[Answer]:
        """What the network says of parts of a video, in their order."""
        at_once = max(1, self.how.protocol.batch_size // (self.how.protocol.clips * self.how.protocol.views))
        for start in range(0, len(found), at_once):
            some = found[start : start + at_once]
            views = torch.stack([self.views(frames, part) for part in some])
            for part, row in zip(some, probabilities(self._logits(views), self.how.protocol.average), strict=True):
                yield Answer(part, ranked(self.classes, row.tolist()))

    def _draw(self, folder: Path, frames: VideoFrames, answers: Sequence[Answer]) -> None:
        from gsf.predict.timeline import write_timeline

        write_timeline(folder / f"{frames.name.replace('/', '-')}.png", frames, answers)

    def frames_of(self, frames: VideoFrames, part: Part) -> Indices:
        """`(clips, T)`: the frames of a video that the clips of a part hold, in the order in which they are seen."""
        return view_frames(self.how.protocol, video=frames.name, num_frames=part.stop - part.start) + part.start

    def views(self, frames: VideoFrames, part: Part) -> torch.Tensor:
        """`(V, T, 3, size, size)` uint8, view = clip * views of a clip + crop."""
        protocol = self.how.protocol
        return cut_views(
            frames.decode,
            self.frames_of(frames, part),
            protocol=protocol,
            short_side=self.model.short_side,
            size=self.model.input_size,
        )

    def _logits(self, views: torch.Tensor) -> Array:
        """`(n, V, C)` of `(n, V, T, 3, size, size)`."""
        protocol = self.how.protocol
        with torch.inference_mode(), full_float32():
            logits = forward_views(self.network, views, batch_size=protocol.batch_size, device=self.how.device)
        return logits if self._manifest is None else of_the_video(logits, protocol, self._manifest)


def _decoded(files: Iterable[File], how: Extract) -> Iterator[tuple[str, VideoFrames | str]]:
    """The frames of each file, or what is wrong with it, in order; a few files are decoded ahead, one a core."""
    ahead = usable_cores()
    waiting: deque[tuple[str, Future[VideoFrames | str]]] = deque()
    with ThreadPoolExecutor(ahead) as pool:
        for name, path in files:
            waiting.append((name, pool.submit(_decode, path, how, name)))
            if len(waiting) > ahead:
                name, future = waiting.popleft()
                yield name, future.result()
        while waiting:
            name, future = waiting.popleft()
            yield name, future.result()


def _decode(path: Path, how: Extract, name: str) -> VideoFrames | str:
    try:
        return VideoFrames(path, how, name=name)
    except (VideoError, ShardError) as error:
        return str(error)


def video_files(sources: Sequence[Path]) -> list[File]:
    """Files as named, and every video below the folders among them.

    Raises:
        DataError: a folder without a video, or something that is not there.
    """
    from gsf.data.listing import SUFFIXES, scan

    found: list[File] = []
    for source in sources:
        if source.is_dir():
            below = [(item.path, source / item.path) for item in scan(source)]
            if not below:
                raise DataError(f"{source}: holds no video, must hold names that end in {', '.join(sorted(SUFFIXES))}")
            found += below
        elif source.exists():
            found.append((source.name if len(sources) == 1 else str(source), source))
        else:
            raise DataError(f"{source}: is not there, must be a video file or a folder of them")
    return found
