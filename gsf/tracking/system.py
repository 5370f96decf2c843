"""What a training takes of its machine, sampled beside it: processors, memory and GPUs.

MLflow's own monitor asks the server after every sample and ends for good when that does not answer; these samples go to
the journal, from where they are told like the curves. The names are MLflow's, which shows `system/` apart.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

PREFIX = "system/"
SAMPLE_SECONDS = 5.0
LAST_SECONDS = 10.0  # for the last sample, at least: on a busy machine it takes a while to look at all processes
WRITE_SECONDS = 30.0  # one line of the journal holds the mean of this long
Write = Callable[[Mapping[str, float]], None]


class SystemMonitor:
    """Samples in a thread of its own from `start` to `stop`, and hands over means.

    The thread ends with the monitor, also where `stop` is never called: a training that is asked to end just goes.
    """

    def __init__(
        self, write: Write, *, sample_seconds: float = SAMPLE_SECONDS, write_seconds: float = WRITE_SECONDS
    ) -> None:
        self._write, self._sample_seconds, self._write_seconds = write, sample_seconds, write_seconds
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        weakref.finalize(self, self._ending.set).atexit = False  # then the thread just ends with the process

    def start(self) -> None:
        """Begin; nothing happens where it has begun."""
        if self._thread is None:
            values = (self._write, self._ending, self._sample_seconds, self._write_seconds)  # never the monitor itself
            self._thread = threading.Thread(target=_watch, args=values, name="gsf-system", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, and hand over what was sampled since the last time."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(timeout=max(LAST_SECONDS, 10 * self._sample_seconds))
            self._thread = None


def _watch(write: Write, ending: threading.Event, sample_seconds: float, write_seconds: float) -> None:
    """Whatever fails here ends the sampling and nothing else."""
    with suppress(Exception):
        sampler = Sampler()
        samples: list[dict[str, float]] = []
        written = time.monotonic()
        while True:
            ended = ending.wait(sample_seconds)
            samples.append(sampler.sample())
            if ended or time.monotonic() - written >= write_seconds:
                write(mean(samples))
                samples, written = [], time.monotonic()
            if ended:
                return


class Sampler:
    """Reads the counters of this machine, of this process and its children, and of the GPUs that it may use."""

    def __init__(self) -> None:
        import psutil

        self._psutil = psutil
        self._process = psutil.Process()
        self._gpus = _gpus()
        psutil.cpu_percent()  # the first call gives 0: it measures from one call to the next
        self._before = (time.monotonic(), self._processor_seconds(self._processes()))

    def sample(self) -> dict[str, float]:
        """Metrics by name; percent, and megabytes of 10^6 bytes."""
        memory = self._psutil.virtual_memory()
        processes = self._processes()
        now = (time.monotonic(), self._processor_seconds(processes))
        (then, used), self._before = self._before, now
        found = {
            "cpu_utilization_percentage": self._psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / 1e6,
            "system_memory_usage_percentage": 100 * memory.used / memory.total,
            "training_cpu_percentage": max(0.0, 100 * (now[1] - used) / max(now[0] - then, 1e-3)),  # 100: one core
            "training_memory_megabytes": sum(self._of(item, _resident) for item in processes) / 1e6,
        }
        for number, handle in enumerate(self._gpus):
            found |= _gpu_sample(number, handle)
        return {PREFIX + name: value for name, value in found.items()}

    def _processes(self) -> list[Any]:
        """This process and those that load its data."""
        with suppress(self._psutil.Error):
            return [self._process, *self._process.children(recursive=True)]
        return [self._process]

    def _processor_seconds(self, processes: Sequence[Any]) -> float:
        ended = self._process.cpu_times()
        reaped = float(ended.children_user + ended.children_system)
        return reaped + sum(self._of(item, _processor) for item in processes)

    def _of(self, process: Any, read: Callable[[Any], float]) -> float:
        """A number of a process; 0 of one that has just ended."""
        try:
            return read(process)
        except self._psutil.Error:
            return 0.0


def mean(samples: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each metric over the samples that have it, to one decimal."""
    names = dict.fromkeys(name for sample in samples for name in sample)
    values = {name: [sample[name] for sample in samples if name in sample] for name in names}
    return {name: round(sum(found) / len(found), 1) for name, found in values.items()}


def visible(count: int, setting: str | None) -> list[int | str]:
    """Which of `count` GPUs a process may use: numbers or UUIDs, as CUDA_VISIBLE_DEVICES (`setting`) lists them."""
    if setting is None:
        return list(range(count))
    found: list[int | str] = []
    for word in setting.split(","):
        name = word.strip()
        if not name.isdecimal():
            if not name.startswith(("GPU-", "MIG-")):
                break  # CUDA sees none from a word on that names none: -1, or nothing at all
            found.append(name)
        elif int(name) < count:
            found.append(int(name))
        else:
            break
    return found


def _gpus() -> list[Any]:
    """Handles of the NVIDIA GPUs that this process may use; none without a driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
        names = visible(pynvml.nvmlDeviceGetCount(), os.environ.get("CUDA_VISIBLE_DEVICES"))
        return [
            pynvml.nvmlDeviceGetHandleByIndex(name) if isinstance(name, int) else pynvml.nvmlDeviceGetHandleByUUID(name)
            for name in names
        ]
    except Exception:  # no driver, no GPU, or no such package: each raises its own
        return []


def _gpu_sample(number: int, handle: Any) -> dict[str, float]:
    import pynvml

    found = {}
    with suppress(pynvml.NVMLError):
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        found[f"gpu_{number}_memory_usage_megabytes"] = memory.used / 1e6
        found[f"gpu_{number}_memory_usage_percentage"] = 100 * memory.used / memory.total
    with suppress(pynvml.NVMLError):
        found[f"gpu_{number}_utilization_percentage"] = float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    with suppress(pynvml.NVMLError):
        found[f"gpu_{number}_power_usage_watts"] = pynvml.nvmlDeviceGetPowerUsage(handle) / 1000
    return found


def _processor(process: Any) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _resident(process: Any) -> float:
    return float(process.memory_info().rss)
