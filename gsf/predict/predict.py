"""`gsf predict`: what a trained network says of video files.

The frames of a file go the way that they go into a shard: the same ffmpeg command, the same JPEG step, the same
sampling, scaling and crops. So a video gets the logits that `gsf evaluate` gave it, but for the rounding of sums.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from gsf.data.sampling import Indices
from gsf.data.views import cut_views, view_frames
from gsf.deploy.trained import Trained
from gsf.errors import DataError, EvaluationError, VideoError
from gsf.evaluate.metrics import probabilities
from gsf.evaluate.mirrored import check_mirrored, of_the_video
from gsf.evaluate.predict import forward_views, full_float32
from gsf.evaluate.ranking import Floats
from gsf.evaluate.scores import Array
from gsf.nn.model import VideoModel
from gsf.params.benchmark import Extract
from gsf.params.model import Model
from gsf.params.protocol import Protocol
from gsf.predict.answers import Answer, Prediction
from gsf.predict.decoding import Unread, decoded
from gsf.predict.files import File, file_name
from gsf.predict.frames import VideoFrames
from gsf.predict.labels import manifest_of
from gsf.predict.windows import Part, Sliding, parts
from gsf.train.checkpoint import CheckpointInfo


@dataclass(frozen=True)
class How:
    """How videos are decoded and looked at."""

    protocol: Protocol
    extract: Extract
    device: torch.device
    sliding: Sliding | None = None
    timelines: Path | None = None  # folder for a picture of each video


@dataclass(eq=False)
class _Asked:
    """A video on its way: what is said of it so far."""

    name: str
    frames: VideoFrames | None = None
    expected: int | None = None  # answers; None: not known yet
    answers: list[Answer] = field(default_factory=list)
    problem: str | None = None
    no_room: bool = False

    @property
    def done(self) -> bool:
        return self.problem is not None or len(self.answers) == self.expected

    def close(self) -> None:
        if self.frames is not None:
            self.frames.close()


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
        """One prediction a file, in order; an unreadable one has a problem, and the others go on.

        A forward pass takes `batch_size` views, of as many videos as that makes.
        """
        waiting: deque[_Asked] = deque()
        taken: set[str] = set()
        clips = self._clips(files, waiting)
        try:
            while True:
                some = list(itertools.islice(clips, self._at_once))
                if some:
                    rows = self._probabilities([views for _, _, views in some])
                    for (video, part, _), row in zip(some, rows, strict=True):
                        video.answers.append(Answer(part, self.classes, row))
                while waiting and waiting[0].done:
                    yield self._said(waiting.popleft(), taken)
                if not some:
                    return
        finally:
            clips.close()
            for video in waiting:
                video.close()

    def _clips(
        self, files: Iterable[File], waiting: deque[_Asked]
    ) -> Generator[tuple[_Asked, Part, torch.Tensor], None, None]:
        """The views of each part of each video; the videos themselves are appended to `waiting`."""
        for name, frames in decoded(files, self.how.extract):
            video = _Asked(name)
            waiting.append(video)
            if isinstance(frames, Unread):
                video.problem, video.no_room = frames.problem, frames.no_room
                continue
            video.frames = frames
            try:
                found = parts(len(frames), frames.rate, self.how.sliding, video=name)
                video.expected = len(found)
                for part in found:
                    yield video, part, self.views(frames, part)
            except (VideoError, DataError) as error:
                video.problem = str(error)
            if self.how.timelines is None:  # a picture needs them once more
                frames.close()

    def _said(self, video: _Asked, taken: set[str]) -> Prediction:
        try:
            if video.problem is None and video.frames is not None and self.how.timelines is not None:
                name = file_name(video.name, taken=taken)
                taken.add(name)
                self._draw(self.how.timelines / f"{name}.png", video.frames, video.answers)
        except (VideoError, DataError) as error:
            video.problem = str(error)
        finally:
            video.close()
        answers = () if video.problem is not None else tuple(video.answers)
        return Prediction(video.name, answers, video.problem, no_room=video.no_room)

    def _draw(self, path: Path, frames: VideoFrames, answers: Sequence[Answer]) -> None:
        from gsf.predict.timeline import write_timeline

        write_timeline(path, frames, answers)

    def answers(self, frames: VideoFrames, sliding: Sliding | None = None) -> tuple[Answer, ...]:
        """What the network says of the whole video, or of each window."""
        return tuple(self.answers_of(frames, parts(len(frames), frames.rate, sliding, video=frames.name)))

    def answers_of(self, frames: VideoFrames, found: Sequence[Part]) -> Iterator[Answer]:
        """What the network says of parts of a video, in their order."""
        for start in range(0, len(found), self._at_once):
            some = found[start : start + self._at_once]
            rows = self._probabilities([self.views(frames, part) for part in some])
            for part, row in zip(some, rows, strict=True):
                yield Answer(part, self.classes, row)

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

    @property
    def _at_once(self) -> int:
        """Parts of one forward pass."""
        protocol = self.how.protocol
        return max(1, protocol.batch_size // (protocol.clips * protocol.views))

    def _probabilities(self, views: Sequence[torch.Tensor]) -> Floats:
        """`(n, C)` of n times `(V, T, 3, size, size)`."""
        protocol = self.how.protocol
        with torch.inference_mode(), full_float32():
            logits: Array = forward_views(
                self.network, torch.stack(list(views)), batch_size=protocol.batch_size, device=self.how.device
            )
        if self._manifest is not None:
            logits = of_the_video(logits, protocol, self._manifest)
        return probabilities(logits, protocol.average)
