"""A child process whose output is read while it runs, within limits on time and memory."""

from __future__ import annotations

import math
import os
import subprocess
import threading
from collections.abc import Iterator
from typing import IO

from gsf.isolated import limit

_CHUNK = 1 << 18  # bytes of a read from the pipe
_KEPT = 1 << 18  # bytes at the start and at the end of what a process says
_WORDS = 1 << 26  # bytes that a process may say; one that says more is killed
_THREADS = 8  # of processor time in the wall clock's, at most: what ends a child whose parent was killed


class Child:
    """A running process, killed when its time is over."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        assert process.stdout is not None
        self.output, self.timed_out = process.stdout, False
        self._process = process
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def _expire(self) -> None:
        self.timed_out = True
        self._process.kill()

    def wait(self) -> int:
        return self._process.wait()

    def stop(self) -> None:
        self._timer.cancel()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self.output.close()


class Running:
    """Context of a child process that never outlives it.

    Args:
        command: the program and its arguments.
        words: file for what it says on stderr.
        seconds: wall clock after which it is killed.
        memory: bytes of address space that it may have.
    """

    def __init__(self, command: list[str], words: IO[bytes], *, seconds: float, memory: int) -> None:
        self._command, self._words, self._seconds, self._memory = command, words, seconds, memory

    def __enter__(self) -> Child:
        process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._words, bufsize=0
        )
        processor = math.ceil(self._seconds * _THREADS) + 1
        # From outside, microseconds after the start: setting limits between fork and exec is not safe with threads.
        limit(process.pid, memory=self._memory, processor_seconds=processor, file_bytes=_WORDS)
        self._child = Child(process, self._seconds)
        return self._child

    def __exit__(self, *_: object) -> None:
        self._child.stop()


def chunks(pipe: IO[bytes]) -> Iterator[bytes]:
    """What arrives in a pipe until it is closed."""
    while chunk := os.read(pipe.fileno(), _CHUNK):
        yield chunk


def kept(words: IO[bytes]) -> str:
    """The start and the end of what a process said; a hostile file can cause any amount of it."""
    size = words.seek(0, os.SEEK_END)
    words.seek(0)
    data = words.read(_KEPT)
    if size > _KEPT:
        words.seek(max(_KEPT, size - _KEPT))
        data += b"\n" + words.read()
    return data.decode("utf-8", "replace")
