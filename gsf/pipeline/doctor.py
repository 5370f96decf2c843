"""`gsf doctor`: what this machine can do, and what is missing, with the remedy."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable
from pathlib import Path

from gsf.errors import GsfError
from gsf.machine import usable_cores


def examine() -> tuple[list[str], bool]:
    """Lines of findings, and whether everything that the pipeline needs is there."""
    lines = [f"Python     {platform.python_version()} on {platform.machine()}, {usable_cores()} cores"]
    healthy = True
    for title, check in (
        ("ffmpeg", _ffmpeg),
        ("torch", _torch),
        ("LMDB", _lmdb),
        ("disk", _disk),
        ("project", _project),
    ):
        good, text = _guarded(check)
        healthy &= good
        lines.append(f"{title:<10} {text}" if good else f"{title:<10} PROBLEM: {text}")
    return lines, healthy


def _guarded(check: Callable[[], tuple[bool, str]]) -> tuple[bool, str]:
    try:
        return check()
    except (GsfError, ImportError, OSError) as error:
        return False, str(error)


def _ffmpeg() -> tuple[bool, str]:
    from gsf.video.ffmpeg import build_line

    return True, build_line()


def _torch() -> tuple[bool, str]:
    import torch

    if torch.cuda.is_available():
        return True, f"{torch.__version__}, GPU {torch.cuda.get_device_name(0)}"
    return True, f"{torch.__version__}, no GPU seen: trainings run on the CPU, with {torch.get_num_threads()} threads"


def _lmdb() -> tuple[bool, str]:
    import lmdb

    return True, f"py-lmdb {lmdb.__version__}, liblmdb {'.'.join(map(str, lmdb.version()))}"


def _disk() -> tuple[bool, str]:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    text = f"{free:.0f} GiB free here"
    return (True, text) if free > 2 else (False, f"{text}, the demo needs 2: free some or work elsewhere")


def _project() -> tuple[bool, str]:
    from gsf.params.base import load
    from gsf.params.study import Plan
    from gsf.project import Project

    project = Project.here()
    return True, f"{project.root}, active study {load(Plan, project.plan_file).study}"
