"""What is said of a video: classes with probabilities, and how it is printed."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gsf.errors import ParamsError
from gsf.predict.windows import Part

COLUMNS = ("video", "start_frame", "stop_frame", "start_seconds", "stop_seconds", "rank", "label", "probability")
_BAR = 24  # characters of a probability of 1


@dataclass(frozen=True, eq=False)
class Answer:
    """How probable each class is in one part of a video; 8 bytes a class, so that a long video may have many parts."""

    part: Part
    classes: tuple[str, ...]  # by index; all answers of a network share them
    values: npt.NDArray[np.float64]  # (C,)

    @property
    def probabilities(self) -> tuple[tuple[str, float], ...]:
        """All of the classes, the most probable first."""
        return self.best(len(self.classes))

    def best(self, most: int) -> tuple[tuple[str, float], ...]:
        """The most probable classes, at most so many."""
        return ranked(self.classes, self.values, most=most)


@dataclass(frozen=True)
class Prediction:
    """All that is said of one video."""

    video: str
    answers: tuple[Answer, ...] = ()
    problem: str | None = None  # why there is no answer
    no_room: bool = False  # for want of room on this machine; nothing is wrong with the video


def ranked(
    classes: Sequence[str], values: Sequence[float] | npt.NDArray[np.float64], *, most: int | None = None
) -> tuple[tuple[str, float], ...]:
    """Classes by falling probability, at a tie in their order; `most` of them, or all."""
    order = np.argsort(-np.asarray(values, dtype=np.float64), kind="stable")[:most]
    return tuple((classes[index], float(values[index])) for index in order.tolist())


def to_text(prediction: Prediction, *, top: int) -> str:
    """A paragraph for people."""
    if prediction.problem is not None:
        return f"{prediction.video}: NO ANSWER"  # what is wrong stands on stderr
    shown = [answer.best(top) for answer in prediction.answers]
    width = max(len(label) for answer in shown for label, _ in answer)
    lines = [prediction.video]
    for answer, best in zip(prediction.answers, shown, strict=True):
        if len(prediction.answers) > 1:
            lines.append(f"  {_when(answer.part)}")
        lines += [
            f"  {label:<{width}}  {100 * value:5.1f} %  {'#' * round(_BAR * value)}".rstrip() for label, value in best
        ]
    return "\n".join(lines)


def _when(part: Part) -> str:
    if part.seconds is None:
        return f"frames {part.start} .. {part.stop}"
    return f"{part.seconds[0]:.2f} .. {part.seconds[1]:.2f} s"


def to_json(prediction: Prediction, *, top: int) -> dict[str, Any]:
    """One object a video."""
    if prediction.problem is not None:
        return {"video": prediction.video, "problem": prediction.problem}
    return {
        "video": prediction.video,
        "answers": [
            {
                "start_frame": answer.part.start,
                "stop_frame": answer.part.stop,
                "seconds": None if answer.part.seconds is None else list(answer.part.seconds),
                "top": [{"label": label, "probability": value} for label, value in answer.best(top)],
            }
            for answer in prediction.answers
        ],
    }


@contextmanager
def written_table(path: Path | None, *, top: int) -> Iterator[Callable[[Prediction], None]]:
    """A CSV file with a row for each of the `top` classes of each part of each video that has an answer.

    What the block is given writes the rows of one video; they are in the file when it returns, however the block ends.

    Args:
        path: the file; None: none is written.
        top: classes of each part.

    Raises:
        ParamsError: the file cannot be written.
    """
    if path is None:
        yield lambda prediction: None
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("w", encoding="utf-8", errors="surrogateescape", newline="")
    except OSError as error:
        raise ParamsError(f"--csv {path}: {error.strerror or error}, must be a file that can be written") from error
    with opened as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)

        def write(prediction: Prediction) -> None:
            writer.writerows(_rows(prediction, top=top))
            file.flush()

        yield write


def _rows(prediction: Prediction, *, top: int) -> Iterator[tuple[object, ...]]:
    for answer in prediction.answers:
        part = answer.part
        for rank, (label, value) in enumerate(answer.best(top), start=1):
            yield prediction.video, part.start, part.stop, *_seconds(part), rank, label, f"{value:.6f}"


def _seconds(part: Part) -> tuple[str, str]:
    return ("", "") if part.seconds is None else (f"{part.seconds[0]:.3f}", f"{part.seconds[1]:.3f}")
