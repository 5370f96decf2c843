"""Calls of functions that a hostile file may crash, hang or blow up: they run in a child process.

Libraries such as libav and LMDB trust their input more than one should. A child that dies or takes too long costs one
call, not the run. Children wait for more calls, so that a call costs well under a millisecond beside its own work.

Arguments and results are JSON. An error of ours (`GsfError`) is raised here as it was there.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from gsf import errors

_START = "import sys; sys.path.insert(0, sys.argv[1]); from gsf.isolated import serve; serve(int(sys.argv[2]))"
_LEFT_ALONE = 600  # seconds of processor time after which a child without a parent ends


class ChildDiedError(Exception):
    """The child ended in the middle of a call; the text says how, such as `SIGSEGV`."""


class TookTooLongError(Exception):
    """The call was not over in time, and its child was killed."""


def call(function: Callable[..., Any], *, seconds: float, memory: int = 0, **arguments: Any) -> Any:
    """`function(**arguments)` in a child process.

    Args:
        function: of a module, by its name there; takes and returns what JSON can hold.
        seconds: wall clock after which the child is killed.
        memory: bytes of address space that the child may have, 0 for any.
    """
    request = {"module": function.__module__, "function": function.__qualname__, "arguments": arguments}
    with _borrowed(memory) as child:
        answer = child.ask(json.dumps(request).encode() + b"\n", seconds=seconds)
    if "error" in answer:
        kind = getattr(errors, str(answer["error"]))
        raise kind(answer["message"])
    if "died" in answer:
        raise ChildDiedError(answer["died"])
    if "unexpected" in answer:
        raise RuntimeError(f"{function.__module__}.{function.__qualname__} failed:\n{answer['unexpected']}")
    return answer["result"]


def limit(pid: int, *, memory: int = 0, processor_seconds: int = 0, file_bytes: int = 0) -> None:
    """Limit a process (0: this one): what it exceeds fails in it. Does nothing where the system has no such limits."""
    try:
        import resource
    except ImportError:  # pragma: no cover  (not on Windows)
        return
    if not hasattr(resource, "prlimit"):  # pragma: no cover  (Linux only)
        return
    wanted = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: processor_seconds,
        resource.RLIMIT_FSIZE: file_bytes,
    }
    with contextlib.suppress(ProcessLookupError):  # it has ended already
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        for which, value in wanted.items():
            hard = resource.prlimit(pid, which)[1]
            if value and (hard == resource.RLIM_INFINITY or value < hard):
                resource.prlimit(pid, which, (value, value))


class _Child:
    """A process that answers one call at a time."""

    def __init__(self, memory: int) -> None:
        root = str(Path(__file__).resolve().parents[1])
        command = [sys.executable, "-c", _START, root, str(memory)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        self.alive = True

    def ask(self, request: bytes, *, seconds: float) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            try:
                stdin.write(request)
            except BrokenPipeError:
                raise ChildDiedError(self._end()) from None
            answer: dict[str, Any] = json.loads(self._line(stdout, time.monotonic() + seconds))
        except BaseException:
            self.stop()
            raise
        return answer

    def _line(self, pipe: IO[bytes], deadline: float) -> bytes:
        data = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while not data.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TookTooLongError
                chunk = os.read(pipe.fileno(), 1 << 16)
                if not chunk:
                    raise ChildDiedError(self._end())
                data += chunk
        return bytes(data)

    def _end(self) -> str:
        code = self._process.wait()
        return signal.Signals(-code).name if code < 0 else f"status {code}"

    def stop(self) -> None:
        self.alive = False
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


_idle: dict[int, list[_Child]] = {}  # by memory
_lock = threading.Lock()


@contextlib.contextmanager
def _borrowed(memory: int) -> Iterator[_Child]:
    """A child for one call: one that waits, or a new one."""
    with _lock:
        waiting = _idle.setdefault(memory, [])
        child = waiting.pop() if waiting else None
    child = child or _Child(memory)
    try:
        yield child
    finally:
        if child.alive:
            with _lock:
                _idle[memory].append(child)


def _forget() -> None:
    """A forked process must not talk to its parent's children."""
    global _lock
    _lock = threading.Lock()
    _idle.clear()


os.register_at_fork(after_in_child=_forget)


def serve(memory: int) -> None:
    """The child: answer calls until the parent closes the pipe or is gone."""
    limit(0, memory=memory)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no answer
    for line in sys.stdin.buffer:
        _renew_processor_limit()
        answers.write(json.dumps(_answer(json.loads(line))).encode() + b"\n")


def _renew_processor_limit() -> None:
    """Nobody kills a child that hangs after its parent was killed: its processor time does."""
    with contextlib.suppress(ImportError, ValueError):
        import resource

        soft = int(time.process_time()) + _LEFT_ALONE
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        function = getattr(import_module(request["module"]), request["function"])
        return {"result": function(**request["arguments"])}
    except errors.GsfError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        return {"died": "out of memory"}
    except Exception:
        return {"unexpected": traceback.format_exc()}
