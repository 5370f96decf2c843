"""What the machine lends to this process."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """The cores that this process may use, which a cluster's scheduler may have limited."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
