"""Versions of the packages whose versions change results; what each stage used is part of its receipt."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version


def package_versions(names: Sequence[str]) -> dict[str, str]:
    """Version of each Python package in `names`, and of Python itself."""
    return {"python": platform.python_version()} | {name: version(name) for name in names}
