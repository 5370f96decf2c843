"""Versions of the tools whose versions change results; what each stage used is part of its receipt."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version

_PACKAGES = {"torch", "torchvision", "numpy", "lmdb", "av", "matplotlib", "safetensors", "pillow"}


def tool_versions(names: Sequence[str]) -> dict[str, str]:
    """Version of each tool in `names`: `ffmpeg` (its build line) or a Python package; Python itself always."""
    versions = {"python": platform.python_version()}
    for name in names:
        if name == "ffmpeg":
            from gsf.video.ffmpeg import build_line

            versions[name] = build_line()
        elif name in _PACKAGES:
            versions[name] = version(name)
        else:
            raise ValueError(f"tool {name!r} is unknown, must be ffmpeg or one of {sorted(_PACKAGES)}")
    return versions
