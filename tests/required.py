"""Tests that need what not every machine has: they skip and say so, or fail where it has to be there.

GSF_MUST names what has to be there, as in CI once it has installed it: `GSF_MUST="slurm postgresql" make check`.
"""

from __future__ import annotations

import os
from typing import Literal, NoReturn

import pytest


def lacking(
    what: Literal["account", "crate-validator", "postgresql", "shared", "slurm", "slurm-accounting"], reason: str
) -> NoReturn:
    """End a test, or the fixture of several, for want of something."""
    if what in os.environ.get("GSF_MUST", "").split():
        pytest.fail(f"{reason} (GSF_MUST says that {what} is here)")
    pytest.skip(reason)
