"""What the verbs share: how options are read, and how a stage says that it ended."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from gsf.provenance.receipt import Receipt

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # the type has no public name

NETWORK = "a run of the active study (gsf-s0), STUDY/RUN, or a checkpoint file"  # what `--model` names


def at_least(low: int) -> Callable[[str], int]:
    """What argparse calls to read an integer that has a lower bound."""

    def read(text: str) -> int:
        if not text.removeprefix("-").isdecimal() or int(text) < low:
            raise argparse.ArgumentTypeError(f"is {text!r}, must be an integer of {low} or more")
        return int(text)

    return read


def add_device(verb: argparse.ArgumentParser) -> None:
    """`--device`, which GSF_DEVICE presets."""
    verb.add_argument("--device", default=os.environ.get("GSF_DEVICE", "auto"), help="auto, cpu, cuda, cuda:N")


def show_receipt(receipt: Receipt) -> None:
    """One line about a stage that ended."""
    print(f"{receipt.stage}: done, receipt {receipt.digest[:12]}")
