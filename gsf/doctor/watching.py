"""What `gsf stream` wants of a machine: a camera, and a place for a window."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from gsf.doctor.finding import Finding, absent, ok
from gsf.doctor.programs import printed
from gsf.errors import GsfError


def reads_cameras() -> bool:
    """Whether the ffmpeg in use can; True where there is none, which has a line of its own."""
    try:
        from gsf.video.ffmpeg import executable

        return "video4linux2" in (printed(executable(), "-hide_banner", "-devices") or "")
    except (GsfError, ImportError, OSError, RuntimeError):
        return True


def may_open(device: Path) -> bool:
    """Whether this account may, for reading and writing, as Video4Linux needs."""
    return os.access(device, os.R_OK | os.W_OK)


def cameras(
    folder: Path = Path("/dev"),
    *,
    opens: Callable[[Path], bool] = may_open,
    reads: Callable[[], bool] = reads_cameras,
) -> Finding:
    """The cameras that can be followed."""
    found = sorted(folder.glob("video[0-9]*"), key=lambda path: int(re.sub(r"\D", "", path.name)))
    if not found:
        remedy = "plug one in, or start the container with --device /dev/video0: files and pipes need none"
        return absent("camera", f"none, no {folder}/video* is here", remedy)
    names = ", ".join(str(path) for path in found if opens(path))
    if not names:
        remedy = "`sudo usermod -aG video $USER` and a new login, or for a container --group-add video"
        return absent("camera", f"{', '.join(map(str, found))}, not open to this account", remedy)
    if not reads():
        remedy = "GSF_FFMPEG=/usr/bin/ffmpeg, say, uses another"
        return absent("camera", f"{names}, but the ffmpeg in use reads no Video4Linux", remedy)
    return ok("camera", names)


def window(platform: str = sys.platform) -> Finding:
    """Whether `gsf stream --show` finds tkinter and a display; no window is opened."""
    instead = "or `gsf stream --out -` into a player such as `mpv -`"
    try:
        importlib.import_module("tkinter")
    except ImportError as error:  # of its library, too
        return absent("window", f"none, this Python has no tkinter ({error})", f"install it (python3-tk), {instead}")
    if platform in ("darwin", "win32"):
        return ok("window", "tkinter")
    display = os.environ.get("DISPLAY")
    if not display:
        return absent("window", "none, DISPLAY is not set", f"a session with a screen, `ssh -X`, {instead}")
    return ok("window", f"tkinter on the display {display}")
