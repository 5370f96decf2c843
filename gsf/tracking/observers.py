"""What the command line attaches to a training: its journal, and MLflow as long as that answers."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from gsf.project import Project
from gsf.tracking.journal import JournalObserver
from gsf.tracking.record import collect, journal_path
from gsf.tracking.system import SystemMonitor
from gsf.train.observer import Observer

if TYPE_CHECKING:
    from mlflow import MlflowClient

RETRY_SECONDS = 600.0  # a server that was away is asked again this much later, and at the next sync


def training_observer(project: Project, *, study: str, run: str) -> Observer:
    """The journal, mirrored to MLflow after each epoch; GSF_MLFLOW=off leaves MLflow alone."""
    journal = JournalObserver(journal_path(project, study=study, run=run))
    observer = LiveObserver(project, study=study, run=run, journal=journal) if wanted() else journal
    return SampledObserver(observer, SystemMonitor(journal.system)) if samples_wanted() else observer


def sync_quietly(project: Project) -> None:
    """Bring MLflow up to date; one line on stderr where that fails."""
    if wanted():
        _attempt(lambda: _sync(project))


def wanted() -> bool:
    """Whether MLflow is to be written to at all."""
    return os.environ.get("GSF_MLFLOW", "on").lower() not in {"off", "0", "false", "no"}


def samples_wanted() -> bool:
    """Whether the machine is watched too; MLflow's own switch, which is on here unless the user says otherwise."""
    return os.environ.get("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "true").lower() not in {"false", "0"}


class SampledObserver:
    """An observer, and a monitor of the machine from the start of a training to its end."""

    def __init__(self, observer: Observer, monitor: SystemMonitor) -> None:
        self._observer, self._monitor = observer, monitor

    def start(self, params: Mapping[str, str | float | int], tags: Mapping[str, str]) -> None:
        self._observer.start(params, tags)
        self._monitor.start()

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._observer.epoch(epoch, metrics)

    def end(self, status: Literal["finished", "failed"]) -> None:
        self._monitor.stop()
        self._observer.end(status)


class LiveObserver:
    """Writes the journal, then shows it in MLflow; whatever MLflow does, the training goes on."""

    def __init__(
        self,
        project: Project,
        *,
        study: str,
        run: str,
        journal: JournalObserver,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._project, self._study, self._run, self._journal = project, study, run, journal
        self._retry_seconds = retry_seconds
        self._client: MlflowClient | None = None
        self._away_until = 0.0

    def start(self, params: Mapping[str, str | float | int], tags: Mapping[str, str]) -> None:
        self._journal.start(params, tags)
        self._mirror()

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._journal.epoch(epoch, metrics)
        self._mirror()

    def end(self, status: Literal["finished", "failed"]) -> None:
        self._journal.end(status)
        self._mirror()

    def _mirror(self) -> None:
        if time.monotonic() >= self._away_until and not _attempt(self._project_latest):
            self._client, self._away_until = None, time.monotonic() + self._retry_seconds

    def _project_latest(self) -> None:
        from gsf.tracking.connection import connect
        from gsf.tracking.mlflow_projection import project_record

        self._client = self._client or connect(self._project)
        project_record(self._client, self._project, collect(self._project, study=self._study, run=self._run)[-1])


def _attempt(action: Callable[[], None]) -> bool:
    """Whether it worked; else one line on stderr."""
    try:
        action()
    except Exception as error:  # nothing that concerns MLflow may stop what it only shows
        from gsf.tracking.connection import first_line

        print(
            f"MLflow is not up to date: {first_line(error)}; nothing is lost, `gsf mlflow sync` catches up",
            file=sys.stderr,
        )
        return False
    return True


def _sync(project: Project) -> None:
    from gsf.tracking.mlflow_projection import sync

    sync(project)
