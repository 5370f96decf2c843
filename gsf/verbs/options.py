"""What the verbs share: how options are read, and how a stage says that it ended."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from gsf.provenance.receipt import Receipt

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # the type has no public name

NETWORK = "a run of the active study (gsf-s0), STUDY/RUN, or a checkpoint file"  # what `--model` names
BENCHMARK = "a file of params/benchmarks"
STUDY = "a study with results"
_LAST_PORT = 65_535
_LONGEST = 1_000_000  # of a time: what waits in C counts milliseconds in 32 bits


def at_least(low: int) -> Callable[[str], int]:
    """What argparse calls to read an integer that has a lower bound."""

    def read(text: str) -> int:
        if not text.removeprefix("-").isdecimal() or int(text) < low:
            raise argparse.ArgumentTypeError(f"is {text!r}, must be an integer of {low} or more")
        return int(text)

    return read


def port(text: str) -> int:
    """Reads the number of a port."""
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"is {text!r}, must be a port, 0 .. {_LAST_PORT}; 0 takes any that is free")
    return int(text)


def time_in(unit: Literal["seconds", "minutes"], *, zero: bool = False) -> Callable[[str], float]:
    """What argparse calls to read a time above 0, or with `zero` of 0 too, that has an end."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (0 < value <= _LONGEST or (zero and value == 0)):
            least = "0 or more" if zero else "above 0"
            raise argparse.ArgumentTypeError(f"is {text!r}, must be {unit} {least}, at most {_LONGEST}")
        return value

    return read


def add_device(verb: argparse.ArgumentParser) -> None:
    """`--device`, which GSF_DEVICE presets."""
    verb.add_argument(
        "--device",
        default=os.environ.get("GSF_DEVICE", "auto"),
        help="auto, cpu, cuda, cuda:N; default: GSF_DEVICE or auto",
    )


def show_receipt(receipt: Receipt) -> None:
    """One line about a stage that ended."""
    print(f"{receipt.stage}: done, receipt {receipt.digest[:12]}")
