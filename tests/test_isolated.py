"""Calls in a child process: what happens there stays there."""

from __future__ import annotations

import ctypes
import os
import time

import pytest

from gsf.errors import VideoError
from gsf.isolated import ChildDiedError, TookTooLongError, call


def process() -> int:
    return os.getpid()


def crash() -> None:
    ctypes.string_at(0)


def hang() -> None:
    time.sleep(60)


def grow(size: int) -> int:
    return len(bytearray(size))


def refuse(name: str) -> None:
    raise VideoError(f"{name}: no")


def echo(text: str) -> str:
    print("noise")  # what a library prints must not be taken for an answer
    return text


def test_a_child_answers_many_calls() -> None:
    first, second = call(process, seconds=30), call(process, seconds=30)
    assert first == second != os.getpid()


def test_text_of_any_kind_comes_back() -> None:
    for text in ("a\nb", "ä€", "name \udcff that is no UTF-8", ""):
        assert call(echo, seconds=30, text=text) == text


def test_an_error_of_ours_is_raised_here() -> None:
    with pytest.raises(VideoError, match=r"^x: no$"):
        call(refuse, seconds=30, name="x")


def test_a_crash_costs_one_call() -> None:
    with pytest.raises(ChildDiedError, match="SIG"):
        call(crash, seconds=30)
    assert call(echo, seconds=30, text="on") == "on"


def test_what_hangs_is_killed_in_time() -> None:
    begin = time.monotonic()
    with pytest.raises(TookTooLongError):
        call(hang, seconds=0.5)
    assert time.monotonic() - begin < 10


def test_memory_is_limited() -> None:
    assert call(grow, seconds=30, memory=1 << 30, size=1 << 20) == 1 << 20
    with pytest.raises(ChildDiedError, match="out of memory"):
        call(grow, seconds=30, memory=1 << 30, size=2 << 30)


def crash_on(**_: object) -> None:
    crash()
