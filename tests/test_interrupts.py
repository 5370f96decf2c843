from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gsf.interrupts import ended_by
from tests.signals import as_by_default


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    ctrl_c = signal.getsignal(signal.SIGINT)
    with as_by_default(signal.SIGHUP), as_by_default(signal.SIGTERM):
        yield
    signal.signal(signal.SIGINT, ctrl_c)


@pytest.mark.parametrize("ctrl_c", [signal.default_int_handler, signal.SIG_IGN])
def test_a_signal_interrupts_even_where_ctrl_c_is_ignored(ctrl_c: signal.Handlers) -> None:
    signal.signal(signal.SIGINT, ctrl_c)
    before = signal.getsignal(signal.SIGHUP)
    with pytest.raises(KeyboardInterrupt), ended_by(signal.SIGHUP):
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is before


@pytest.mark.parametrize("second", [signal.SIGHUP, signal.SIGTERM])
def test_a_second_signal_does_not_break_off_what_the_first_set_going(second: signal.Signals) -> None:
    done: list[str] = []

    @contextmanager
    def put_in_order() -> Iterator[None]:
        try:
            yield
        finally:
            signal.raise_signal(second)
            done.append("in order")

    with pytest.raises(KeyboardInterrupt), ended_by(signal.SIGTERM, signal.SIGHUP), put_in_order():
        signal.raise_signal(signal.SIGHUP)
    assert done == ["in order"]
    assert signal.getsignal(second) is signal.SIG_DFL


def test_a_server_that_handles_ctrl_c_handles_the_signal() -> None:
    seen: list[int] = []
    with ended_by(signal.SIGHUP):
        signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
        signal.raise_signal(signal.SIGHUP)
    assert seen == [signal.SIGINT]


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with ended_by(signal.SIGHUP):
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
