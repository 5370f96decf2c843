"""The journal of a training: one JSON a line, appended while it runs, from which its curves can be told again."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Params = dict[str, str | float | int]
Status = Literal["running", "finished", "failed"]
TRAINING_KEY = "gsf.training_key"  # the tag that tells a training from a changed one of the same name


@dataclass(frozen=True)
class Epoch:
    """What was measured when an epoch was complete; `time` in seconds since 1970."""

    epoch: int
    time: float
    metrics: dict[str, float]


@dataclass(frozen=True)
class Sample:
    """What the machine had to give up to a time, in seconds since 1970."""

    time: float
    metrics: dict[str, float]


@dataclass(frozen=True)
class Journal:
    """One training as its journal tells it, interruptions forgotten."""

    training_key: str
    params: Params
    tags: dict[str, str]
    started: float
    epochs: tuple[Epoch, ...]
    status: Status
    ended: float | None
    system: tuple[Sample, ...] = ()


class JournalObserver:
    """Writes the journal of a training; each line reaches the disk before the training goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()  # `system` is called by a thread of its own

    def start(self, params: Mapping[str, str | float | int], tags: Mapping[str, str]) -> None:
        self._append({"kind": "start", "params": dict(params), "tags": dict(tags), "time": time.time()})

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        measured = {name: value for name, value in metrics.items() if name != "epoch" and math.isfinite(value)}
        self._append({"kind": "epoch", "epoch": epoch, "step": epoch, "time": time.time(), "metrics": measured})

    def system(self, metrics: Mapping[str, float]) -> None:
        """What the machine had to give since the last time."""
        self._append({"kind": "system", "time": time.time(), "metrics": dict(metrics)})

    def end(self, status: Literal["finished", "failed"]) -> None:
        self._append({"kind": "end", "status": status, "time": time.time()})

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, self._path.open("a+b") as file:
            if _ends_in_a_torn_line(file.fileno()):
                line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def read_journal(path: Path) -> list[Journal]:
    """The trainings in a journal, one for each training key, the one that began last at the end.

    Lines that a kill left unfinished are passed over. An epoch that a resumed training repeats counts once, as it was
    told last; what an earlier attempt told of later epochs is forgotten with it.
    """
    found: dict[str, _Reading] = {}
    current: _Reading | None = None
    for entry in _entries(path):
        if entry["kind"] == "start":
            key = str(entry["tags"].get(TRAINING_KEY, ""))
            current = found.pop(key, None) or _Reading(key, started=float(entry["time"]))
            current.start(entry)
            found[key] = current
        elif current is not None:
            current.add(entry)
    return [reading.result() for reading in found.values()]


@dataclass
class _Reading:
    """A training while its lines are read."""

    key: str
    started: float
    params: Params = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    epochs: dict[int, Epoch] = field(default_factory=dict)
    status: Status = "running"
    ended: float | None = None
    system: list[Sample] = field(default_factory=list)
    _told: dict[tuple[Any, ...], float] = field(default_factory=dict)

    def start(self, entry: dict[str, Any]) -> None:
        self.params, self.tags = dict(entry["params"]), dict(entry["tags"])
        self.status, self.ended = "running", None

    def add(self, entry: dict[str, Any]) -> None:
        if entry["kind"] == "end":
            self.status, self.ended = entry["status"], float(entry["time"])
            return
        metrics = {name: float(value) for name, value in entry["metrics"].items()}
        if entry["kind"] == "system":
            self.system.append(Sample(time=float(entry["time"]), metrics=metrics))
            return
        number = int(entry["epoch"])
        when = self._told.setdefault((number, *sorted(metrics.items())), float(entry["time"]))
        self.epochs = {old: epoch for old, epoch in self.epochs.items() if old < number}
        self.epochs[number] = Epoch(epoch=number, time=when, metrics=metrics)

    def result(self) -> Journal:
        return Journal(
            training_key=self.key,
            params=self.params,
            tags=self.tags,
            started=self.started,
            epochs=tuple(self.epochs[number] for number in sorted(self.epochs)),
            status=self.status,
            ended=self.ended,
            system=tuple(self.system),
        )


_FIELDS = {
    "start": {"params", "tags", "time"},
    "epoch": {"epoch", "time", "metrics"},
    "system": {"time", "metrics"},
    "end": {"status", "time"},
}


def _entries(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a journal; none where there is no journal."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    entries = []
    for line in data.split(b"\n"):
        try:
            entry = json.loads(line)
        except ValueError:  # torn by a kill, or the empty rest after the last line end
            continue
        needed = _FIELDS.get(str(entry.get("kind"))) if isinstance(entry, dict) else None
        if needed and needed <= entry.keys():
            entries.append(entry)
    return entries


def _ends_in_a_torn_line(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
