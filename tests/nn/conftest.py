"""One thread, so that sums do not depend on the machine, and a fixed seed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread_and_seed() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Feature maps are not cut into blocks of frames, each of which shapes pass through as slowly as through the whole.

    Results and costs are the same (test_layers.py, test_cost.py).
    """
    monkeypatch.setattr("gsf.nn.blocks.BLOCK", 1 << 40)
