"""The command line: one verb a stage, and the verbs around them. Parses, calls one function, prints.

The verbs are in gsf/verbs, by area. Heavy packages are imported inside the verb that needs them, so that `gsf --help`
answers at once.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence

from gsf import __version__
from gsf.errors import GsfError, PreemptedError
from gsf.verbs import (
    data,
    engine,
    ensembles,
    exchange,
    explain,
    networks,
    predict,
    proof,
    serve,
    setup,
    site,
    stages,
    stream,
    tracking,
)

_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL = (errno.ENOSPC, errno.EDQUOT)

# In the order of the help.
AREAS = (
    *(setup, data, stages, ensembles, networks, predict, explain, stream),
    *(proof, exchange, site, engine, tracking, serve),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; 0, or 1 with an error on stderr that says what, where, the rule and the remedy."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        code = int(args.call(args) or 0)
        sys.stdout.flush()
        return code
    except PreemptedError as error:
        print(error, file=sys.stderr)
        return PreemptedError.EXIT_CODE
    except GsfError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except ValueError as error:
        if os.environ.get("GSF_TRACEBACK"):
            raise
        print(f"error: {error} (GSF_TRACEBACK=1 shows where)", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read this has seen enough: `gsf trace ... | head`
        _leave_stdout()
        return 128 + 13  # as a program that SIGPIPE ends
    except OSError as error:
        if os.environ.get("GSF_TRACEBACK"):
            raise
        print(f"error: {_refused(error)}", file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:  # it is what has no room
            _leave_stdout()
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept, the same command goes on", file=sys.stderr)
        return 130


def _refused(error: OSError) -> str:
    """What the system refuses, of which file, and what to do."""
    name = error.filename if error.filename2 is None else error.filename2  # of two, where the file was to go
    words = error.strerror or str(error)
    if name is not None:
        words = f"{os.fsdecode(name) if isinstance(name, bytes) else name}: {words}"
    if error.errno in _CLOSED:
        return (
            f"{words}, must be open to this account; in a project that others own, work in a clone of your own:"
            " docs/storage.md"
        )
    if error.errno in _FULL:
        return f"{words}; make room, then run the same command again"
    return f"{words} (GSF_TRACEBACK=1 shows where)"


def _leave_stdout() -> None:
    """What is still to be written to it goes nowhere: Python would complain of it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gsf", description="Video action recognition in which every number is traced to its inputs."
    )
    parser.add_argument("--version", action="version", version=f"gsf {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for area in AREAS:
        area.add(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
