"""What bench/stream.py counts for a round, and what of it the page of streams shows."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path

import pytest

from bench import performance
from bench.lib.record import case, unmeasured
from bench.stream import Side


class Quick(Side):
    """Answers at once."""

    def answer(self, jpeg: bytes) -> None:
        assert jpeg == b"jpeg"


def slow_source() -> Generator[bytes, None, None]:
    """A decoder that takes three seconds to start, and 20 ms a frame."""
    time.sleep(3)
    while True:
        yield b"jpeg"
        time.sleep(0.02)


@pytest.mark.parametrize("frames", [2, 8])
def test_a_round_is_as_long_as_its_frames_take_whatever_the_start_of_the_source_takes(frames: int) -> None:
    side = Quick(frames)
    side.run(slow_source)
    assert len(side.latencies) == len(side.busy) == frames
    assert frames * 0.02 <= side.rounds[0] < frames * 0.02 + 2.5


def test_the_page_has_a_row_a_source_and_the_cpu_time_of_a_frame() -> None:
    fast = {"baseline": 1.5, "ratio": 4.0}
    rows = [
        case("net, 4K", "throughput", 6.0, "frames/s", goal=5.0, **fast),
        *(case(f"net, 4K, p{share}", "latency", share, "ms", baseline=1200.0, ratio=9.0) for share in (50, 95, 99)),
        case("net, network alone", "CPU time of a frame", 40.0, "ms", baseline=240.0, ratio=6.0, goal=5.0),
        unmeasured("net, 4K, on a GPU", "throughput", "frames/s", reason="none"),
    ]
    said = {"command": "python bench/stream.py", "device": "a-b", "date": "2026-01-02"}
    files = [(Path(name), [said | row for row in rows]) for name in ("stream-a-b.json", "train-a-b.json")]
    head, rates, times = performance.streams(files)
    assert head == "`python bench/stream.py`, a-b, 2026-01-02:"
    assert rates.splitlines()[2:] == ["| net, 4K | 1.5 | 6 | x4.00 | x5, **missed** | 1,200 | 50 | 95 | 99 |"]
    assert times.splitlines()[2:] == ["| net, network alone | 240 | 40 | x6.00 | x5, met |"]
