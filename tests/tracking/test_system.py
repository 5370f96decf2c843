"""What a training takes of its machine is in its curves, and never disturbs anything."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from gsf.project import Project
from gsf.tracking.journal import JournalObserver, read_journal
from gsf.tracking.mlflow_projection import sync
from gsf.tracking.observers import SampledObserver, training_observer
from gsf.tracking.record import journal_path
from gsf.tracking.system import PREFIX, Sampler, SystemMonitor, mean, visible
from tests.tracking.fabricated import curve, make_project, start, train
from tests.tracking.test_mlflow_projection import runs_of, steps

MACHINE = {f"{PREFIX}cpu_utilization_percentage", f"{PREFIX}system_memory_usage_megabytes"}


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def watch(project: Project) -> SampledObserver:
    """An observer of a training whose machine is sampled as often as can be."""
    journal = JournalObserver(journal_path(project, study="demo", run="gsf-s0"))
    return SampledObserver(journal, SystemMonitor(journal.system, sample_seconds=0.01, write_seconds=0.02))


def samples(project: Project) -> list[tuple[float, Mapping[str, float]]]:
    (journal,) = read_journal(journal_path(project, study="demo", run="gsf-s0"))
    return [(item.time, item.metrics) for item in journal.system]


def test_busy_process_is_seen_as_busy() -> None:
    sampler = Sampler()
    end = time.process_time() + 0.5
    while time.process_time() < end:
        pass
    found = sampler.sample()
    assert found.keys() >= MACHINE
    assert found[f"{PREFIX}training_cpu_percentage"] > 5  # of one core, which other programs may want too
    assert found[f"{PREFIX}training_memory_megabytes"] > 10
    assert 0 < found[f"{PREFIX}system_memory_usage_percentage"] <= 100


def test_line_holds_the_mean_of_its_samples() -> None:
    assert mean([{"a": 1.0, "b": 3.0}, {"a": 2.0}]) == {"a": 1.5, "b": 3.0}


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        (None, [0, 1, 2, 3]),
        ("", []),
        ("-1", []),
        ("2,0", [2, 0]),
        ("1,9,2", [1]),  # CUDA passes over all that follows a number that is not there
        ("GPU-8932f937", ["GPU-8932f937"]),
    ],
)
def test_gpus_are_those_that_the_process_may_use(setting: str | None, found: list[int | str]) -> None:
    assert visible(4, setting) == found


def test_samples_are_curves_over_seconds_and_a_later_sync_adds_none(project: Project) -> None:
    observer = watch(project)
    start(observer, "gsf-s0")
    wait_for(lambda: samples(project))
    observer.epoch(1, curve(1))
    observer.end("finished")
    told = len(samples(project))
    time.sleep(0.1)
    assert len(samples(project)) == told  # it ended with the training
    assert "gsf-system" not in {item.name for item in threading.enumerate()}
    sync(project)
    (run,) = runs_of(project)
    for name in MACHINE:
        points = steps(project, run, name)
        assert points
        assert len({step for step, _ in points}) == len(points)
        assert all(0 <= step <= 60 for step, _ in points)
    assert sync(project).unchanged == ("demo/gsf-s0",)


def test_resumed_training_adds_samples_and_doubles_none(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000, 2000))
    monkeypatch.setattr("gsf.tracking.journal.time", SimpleNamespace(time=lambda: float(next(clock))))
    for _ in range(2):
        journal = JournalObserver(journal_path(project, study="demo", run="gsf-s0"))
        start(journal, "gsf-s0")
        journal.system({f"{PREFIX}cpu_utilization_percentage": 50.0})
        journal.epoch(1, curve(1))
        sync(project)
    (run,) = runs_of(project)
    assert steps(project, run, f"{PREFIX}cpu_utilization_percentage") == [(1, 50.0), (4, 50.0)]
    assert [step for step, _ in steps(project, run, "train_loss")] == [1]


def test_other_samples_of_the_same_training_are_no_other_result(project: Project) -> None:
    """A journal that was lost begins again; what the machine gave then does not make another run."""
    path = journal_path(project, study="demo", run="gsf-s0")
    for percent in (10.0, 90.0):
        path.unlink(missing_ok=True)
        journal = JournalObserver(path)
        start(journal, "gsf-s0")
        journal.system({f"{PREFIX}cpu_utilization_percentage": percent})
        journal.epoch(1, curve(1))
        sync(project)
    assert len(runs_of(project)) == 1


def test_samples_enter_no_receipt_and_no_output(project: Project) -> None:
    without = train(project, "gsf-s0").digest
    observer = watch(project)
    start(observer, "gsf-s0")
    wait_for(lambda: samples(project))
    observer.end("finished")
    assert train(project, "gsf-s0").digest == without
    assert PREFIX.encode() not in b"".join(path.read_bytes() for path in project.training("demo", "gsf-s0").iterdir())


def test_monitor_that_nobody_holds_ends(tmp_path: Path) -> None:
    written: list[Mapping[str, float]] = []
    before = set(threading.enumerate())
    monitor = SystemMonitor(written.append, sample_seconds=0.01, write_seconds=0.02)
    monitor.start()
    (thread,) = set(threading.enumerate()) - before
    wait_for(lambda: written)
    del monitor
    gc.collect()
    thread.join(60)
    assert not thread.is_alive()


def test_what_fails_while_sampling_leaves_the_training_alone(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sampler, "sample", lambda self: 1 / 0)
    observer = watch(project)
    start(observer, "gsf-s0")
    observer.epoch(1, curve(1))
    observer.end("finished")
    (journal,) = read_journal(journal_path(project, study="demo", run="gsf-s0"))
    assert (journal.status, journal.system) == ("finished", ())


def test_sampling_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GSF_MLFLOW", "off")
    project = make_project(tmp_path)
    assert isinstance(training_observer(project, study="demo", run="gsf-s0"), SampledObserver)
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "false")
    assert isinstance(training_observer(project, study="demo", run="gsf-s0"), JournalObserver)
