"""Real data beside the project: found through GSF_SHARED or at `../shared`, never copied.

Tests that need it skip where it is absent, unless GSF_MUST says that it is there (tests/required.py).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_DEFAULT = Path(__file__).resolve().parents[2] / "shared"


def shared_folder() -> Path | None:
    """The folder with `real/` and `reference/`, or None."""
    folder = Path(os.environ.get("GSF_SHARED", _DEFAULT))
    return folder if folder.is_dir() else None


needs_shared = pytest.mark.usefixtures("shared")
