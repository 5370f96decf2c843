"""Where a network runs, and what makes it run the same way twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from gsf.errors import TrainError
from gsf.nn.kernels.backend import backend_on


def choose_device(name: str) -> torch.device:
    """`auto` is the first GPU where there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise TrainError(f"device is {name!r}, must be auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise TrainError(f"device is {name!r}, but torch sees no GPU; `gsf doctor` says why, `--device cpu` works")
    return device


def device_name(device: torch.device) -> str:
    """The device and what computes GSF on it, as receipts name them: results depend on both."""
    if device.type != "cuda":
        return device.type
    return f"{torch.cuda.get_device_name(device)}, temporal modules by {backend_on(device)}"


@contextmanager
def deterministic(*, threads: int) -> Iterator[None]:
    """Deterministic algorithms and a fixed number of CPU threads, on which the order of sums depends."""
    before_threads, before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    before_benchmark = torch.backends.cudnn.benchmark
    memory: Any = torch.utils.deterministic  # a module with a property that its stubs do not know
    before_fill = memory.fill_uninitialized_memory
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    memory.fill_uninitialized_memory = False  # nothing here reads memory before it is written
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.set_num_threads(before_threads)
        torch.use_deterministic_algorithms(before)
        torch.backends.cudnn.benchmark = before_benchmark
        memory.fill_uninitialized_memory = before_fill
