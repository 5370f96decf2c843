"""Videos are answered one after the other, within limits; the last answers are kept as long as the program runs."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections import OrderedDict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gsf.errors import GsfError
from gsf.explain.explain import Asked, Explained, explain, in_words, write
from gsf.params.benchmark import Extract
from gsf.predict.answers import Answer
from gsf.predict.frames import VideoFrames
from gsf.predict.job import Job
from gsf.predict.windows import Sliding

TOP = 5  # classes of an answer
KEPT = 20  # answers
WAITING = 4  # videos that may wait for their turn while one is answered
WINDOWS = 60  # of a timeline, about: longer videos get longer windows
TIMELINE = "timeline.png"


class BusyError(GsfError):
    """Too many videos wait already."""


@dataclass(frozen=True)
class Limits:
    """What one video may cost; more is an answer that says so."""

    megabytes: int = 200  # of a file that is sent
    seconds: float = 60.0  # wall clock for decoding
    frames: int = 20_000
    pixels: int = 4096 * 2304

    def of(self, extract: Extract) -> Extract:
        """How frames are made, within these limits and those that were there."""
        most = {"max_seconds": self.seconds, "max_frames": self.frames, "max_pixels": self.pixels}
        return extract.model_copy(update={key: min(value, getattr(extract, key)) for key, value in most.items()})


@dataclass(frozen=True)
class Answered:
    """What a page shows of one video; files lie in `folder`."""

    key: str
    folder: Path
    video: str
    frames: int
    seconds: float | None
    best: tuple[tuple[str, float], ...]
    windows: tuple[Answer, ...]  # none for a video no longer than one
    window: float  # seconds
    explained: Explained
    words: str  # of what the network's layers show
    picture: str
    film: str


class Desk:
    """Answers files with a network.

    Args:
        job: the network.
        folder: for pictures; its owner removes it.
        limits: of one video.
        window: seconds of a window of the timeline, at least.
    """

    def __init__(self, job: Job, folder: Path, *, limits: Limits, window: float) -> None:
        self.job, self.limits = job, limits
        self._folder, self._window = folder, window
        self._extract = limits.of(job.predictor.how.extract)
        self._turn, self._lock = threading.Lock(), threading.Lock()
        self._waiting = 0
        self._answers: OrderedDict[str, Answered] = OrderedDict()

    def known(self, key: str) -> Answered | None:
        """An answer that is still kept."""
        return self._answers.get(key)

    def latest(self) -> list[Answered]:
        """The answers that are kept, the latest first."""
        with self._lock:
            return list(reversed(self._answers.values()))

    def answer(self, path: Path, name: str) -> Answered:
        """Answer one file, when its turn comes.

        Raises:
            BusyError: too many wait.
            VideoError: the file cannot be decoded within the limits.
        """
        with self._lock:
            if self._waiting >= WAITING:
                raise BusyError(f"{WAITING} videos wait for an answer already, must be fewer; send it again later")
            self._waiting += 1
        with self._turn:
            with self._lock:
                self._waiting -= 1
            with closing(VideoFrames(path, self._extract, name=name)) as frames:
                answered = self._answer(frames)
        with self._lock:
            self._answers[answered.key] = answered
            while len(self._answers) > KEPT:
                shutil.rmtree(self._answers.popitem(last=False)[1].folder, ignore_errors=True)
        return answered

    def _answer(self, frames: VideoFrames) -> Answered:
        predictor, key = self.job.predictor, secrets.token_hex(8)
        folder = self._folder / key
        try:
            explained = explain(predictor, frames, Asked())
            picture, film, _ = write(folder, explained, self.job.facts)
            seconds = None if frames.rate is None else float(len(frames) / frames.rate)
            windows, window = self._windows(frames, seconds, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return Answered(
            key=key,
            folder=folder,
            video=frames.name,
            frames=len(frames),
            seconds=seconds,
            best=explained.answer.probabilities[:TOP],
            windows=windows,
            window=window,
            explained=explained,
            words=in_words(explained),
            picture=picture.name,
            film=film.name,
        )

    def _windows(self, frames: VideoFrames, seconds: float | None, folder: Path) -> tuple[tuple[Answer, ...], float]:
        from gsf.predict.timeline import write_timeline

        if seconds is None or seconds <= self._window:
            return (), self._window
        window = max(self._window, seconds / (WINDOWS / 2))
        found = self.job.predictor.answers(frames, Sliding(window, window / 2))
        write_timeline(folder / TIMELINE, frames, found)
        return found, window
