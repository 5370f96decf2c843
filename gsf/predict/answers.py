"""What is said of a video: classes with probabilities, and how it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gsf.predict.windows import Part
from gsf.tables import table_bytes

COLUMNS = ("video", "start_frame", "stop_frame", "start_seconds", "stop_seconds", "rank", "label", "probability")
_BAR = 24  # characters of a probability of 1


@dataclass(frozen=True)
class Answer:
    """The classes of one part of a video, the most probable first."""

    part: Part
    probabilities: tuple[tuple[str, float], ...]  # all of the classes


@dataclass(frozen=True)
class Prediction:
    """All that is said of one video."""

    video: str
    answers: tuple[Answer, ...] = ()
    problem: str | None = None  # why there is no answer


def ranked(classes: Sequence[str], values: Sequence[float]) -> tuple[tuple[str, float], ...]:
    """Classes by falling probability; at a tie in their order."""
    order = sorted(range(len(classes)), key=lambda index: (-values[index], index))
    return tuple((classes[index], float(values[index])) for index in order)


def to_text(prediction: Prediction, *, top: int) -> str:
    """A paragraph for people."""
    if prediction.problem is not None:
        return f"{prediction.video}: NO ANSWER"  # what is wrong stands on stderr
    shown = [answer.probabilities[:top] for answer in prediction.answers]
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
                "top": [{"label": label, "probability": value} for label, value in answer.probabilities[:top]],
            }
            for answer in prediction.answers
        ],
    }


def to_csv(predictions: Sequence[Prediction], *, top: int) -> bytes:
    """A row for each of the `top` classes of each part of each video that has an answer."""
    rows = [
        (prediction.video, answer.part.start, answer.part.stop, *_seconds(answer.part), rank, label, f"{value:.6f}")
        for prediction in predictions
        for answer in prediction.answers
        for rank, (label, value) in enumerate(answer.probabilities[:top], start=1)
    ]
    return table_bytes(COLUMNS, rows)


def _seconds(part: Part) -> tuple[str, str]:
    return ("", "") if part.seconds is None else (f"{part.seconds[0]:.3f}", f"{part.seconds[1]:.3f}")
