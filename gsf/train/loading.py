"""Batches out of loader processes, and what their failures mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from gsf.errors import TrainError

STALLED_SECONDS = 600  # without a batch


def batches(loader: Iterable[Any], *, stalled_seconds: float) -> Iterator[Any]:
    """What a loader gives, in order.

    Raises:
        TrainError: no batch for `stalled_seconds`, the loader's own limit, or a loader process that died.
    """
    try:
        yield from loader
    except RuntimeError as error:
        raise _explained(error, stalled_seconds) from error


def _explained(error: RuntimeError, stalled_seconds: float) -> Exception:
    """A loader's own error in words that say what to do; any other one as it is."""
    text = str(error)
    if "timed out" in text:
        return TrainError(
            f"the loader gave no batch for {stalled_seconds:g} seconds, must within that: the disk under data/ does not"
            " answer, or a loader process hangs; check the disk, then start again (the training goes on where it was)"
        )
    if "DataLoader worker" in text:
        return TrainError(
            f"a loader process died: {text.splitlines()[0]}; if the system killed it for memory, set GSF_WORKERS lower"
        )
    return error
