"""A prediction as it is asked for on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gsf.deploy.trained import Trained
from gsf.params.base import load
from gsf.params.protocol import Protocol
from gsf.predict.labels import extract_for
from gsf.predict.predict import How, Predictor
from gsf.predict.windows import Sliding
from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from gsf.train.checkpoint import CheckpointInfo, read_checkpoint
from gsf.train.device import choose_device, device_name


@dataclass(frozen=True)
class Job:
    """A network that is ready, and what is to be told about it."""

    predictor: Predictor
    facts: dict[str, Any]
    in_words: str


def prepare(
    trained: Trained,
    *,
    protocol: str | None,
    benchmark: str | None,
    window: float | None,
    stride: float | None,
    timelines: Path | None,
    device: str,
) -> Job:
    """Read the checkpoint and choose how videos are decoded and looked at."""
    network, info = read_checkpoint(trained.path)
    segments = info.model.num_segments
    if protocol is None:
        views = Protocol(name=f"{segments}x1x1", frames=segments, clips=1, crops=1)
    else:
        views = load(Protocol, Project.here().params_file("protocols", protocol))
    extract, why = extract_for(info.model, trained, benchmark=benchmark)
    sliding = None if window is None else Sliding(window, window / 2 if stride is None else stride)
    target = choose_device(device)
    how = How(protocol=views, extract=extract, sliding=sliding, timelines=timelines, device=target)
    facts = network_facts(trained, info) | {
        "protocol": views.model_dump(),
        "extract": extract.model_dump(),
        "device": device_name(target),
    }
    words = f"{network_words(trained, info)}; protocol {views.name}; {why}"
    return Job(Predictor(network, info, trained, how), facts, words)


def network_facts(trained: Trained, info: CheckpointInfo) -> dict[str, Any]:
    """What a network is and where it comes from, for programs."""
    return {
        "model": info.model.name,
        "checkpoint": sha256_file(trained.path),
        "receipt": trained.digest,
        "benchmark": trained.benchmark,
        "classes": len(info.classes),
    }


def network_words(trained: Trained, info: CheckpointInfo) -> str:
    """The same for people, in short."""
    origin = "no receipt" if trained.digest is None else f"receipt {trained.digest[:12]}"
    return f"{info.model.name}, {len(info.classes)} classes, {origin}"
