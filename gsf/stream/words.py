"""Answers on a stream as lines, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gsf.stream.following import Answered


def to_text(answered: Answered) -> str:
    """One line for people."""
    assert answered.look is not None
    label, probability = answered.look.probabilities[0]
    return f"{answered.seconds:9.2f} s  {100 * probability:5.1f} %  {label:<24}  {said_below(answered)}".rstrip()


def said_below(answered: Answered) -> str:
    """Latency and dropped frames."""
    parts = [] if answered.latency is None else [f"{1e3 * answered.latency:.0f} ms"]
    if answered.behind is not None and answered.behind > 1:
        parts.append(f"{answered.behind:.1f} s behind")
    if answered.dropped:
        parts.append(f"{answered.dropped} dropped")
    return ", ".join(parts)


def to_json(answered: Answered, *, top: int) -> dict[str, Any]:
    """One object an answer."""
    assert answered.look is not None
    assert answered.latency is not None
    best = answered.look.probabilities
    return {
        "seconds": round(answered.seconds, 6),
        "label": best[0][0],
        "probability": best[0][1],
        "top": [{"label": label, "probability": value} for label, value in best[:top]],
        "frames": answered.look.frames,
        "latency_ms": round(1e3 * answered.latency, 2),
        "behind_ms": None if answered.behind is None else round(1e3 * answered.behind, 2),
        "dropped": answered.dropped,
    }


def summary_text(summary: Mapping[str, Any]) -> str:
    """The end of a stream in a line."""
    parts = [f"{summary['answers']} answers, {summary['answers_per_second']:g} a second"]
    if "latency_p50_ms" in summary:
        parts.append("latency " + ", ".join(f"p{share} {summary[f'latency_p{share}_ms']:g}" for share in (50, 95, 99)))
        parts[-1] += " ms"
    parts.append(f"{summary['dropped']} frames dropped")
    if summary["complaints"]:
        parts.append(f"{summary['complaints']} complaints of the decoder")
    return "; ".join(parts)
