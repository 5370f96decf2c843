"""What the machine lends: cores, memory, disk, limits, names of files. Each judges what was measured elsewhere."""

from __future__ import annotations

import platform
import sys
import tempfile
from pathlib import Path

from gsf.doctor.finding import Finding, absent, missing, ok

GIB = 1 << 30
_MEMORY, _DISK, _SHM, _FILES = 4 * GIB, 2 * GIB, 1 * GIB, 1024  # below these something of the demo, or more, fails
_NAME = "Zoë 視頻.mp4"
_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def python(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> Finding:
    """Python's version."""
    text = f"{'.'.join(map(str, version))} on {platform.system()} {platform.machine()}"
    if version < (3, 11):
        return missing("Python", f"{text}, must be 3.11 or newer", "`make PYTHON=python3.11 setup` makes another .venv")
    return ok("Python", text)


def cores(usable: int, there: int) -> Finding:
    """Cores that this process may use, of those that are there."""
    return ok("cores", f"{usable}" if usable == there else f"{usable} of the machine's {there}")


def memory(total: int, available: int, limit: int | None) -> Finding:
    """Bytes of main memory, of these free, and how many a container or job may have."""
    most = total if limit is None else min(limit, total)
    text = f"{most / GIB:.1f} GiB, {min(available, most) / GIB:.1f} free"
    text += "" if most == total else f" (the machine has {total / GIB:.0f}: a container or job is limited)"
    if most < _MEMORY:
        return absent("memory", text, f"a training of the demo needs {_MEMORY // GIB} GiB: give it more, or swap")
    return ok("memory", text)


def memory_limit(places: tuple[str, ...] = _CGROUPS) -> int | None:
    """Bytes that the control group of a container or job may have; None without a limit."""
    for place in map(Path, places):
        try:
            text = place.read_text().strip()
        except OSError:
            continue
        return int(text) if text.isdecimal() and int(text) < 1 << 60 else None
    return None


def disk(free: int, place: str) -> Finding:
    """Bytes that are free where the project lies."""
    text = f"{free / GIB:.0f} GiB free in {place}"
    if free < _DISK:
        return missing("disk", f"{text}, the demo needs {_DISK // GIB}", "free some, or work in a clone elsewhere")
    return ok("disk", text)


def shared_memory(size: int | None) -> Finding:
    """Bytes of /dev/shm, through which loader processes hand over clips; None where there is none."""
    if size is None:
        return ok("/dev/shm", "not on this system")
    if size < _SHM:
        return absent(
            "/dev/shm",
            f"{size / (1 << 20):.0f} MiB, in which clips of loader processes may not fit",
            "in a container, start it with --shm-size=8g; else GSF_WORKERS=0 loads without processes",
        )
    return ok("/dev/shm", f"{size / GIB:.1f} GiB")


def open_files(soft: int, hard: int) -> Finding:
    """Files that a process may have open at once; -1 for any number."""
    if 0 <= soft < _FILES:
        more = f"`ulimit -n {_FILES}`" if hard < 0 or hard >= _FILES else "ask the administrator of this machine"
        return absent("open files", f"{soft} at once, {_FILES} are usual", f"{more}: many shards and workers need more")
    return ok("open files", "any number" if soft < 0 else f"{soft} at once")


def file_names(encoding: str, folder: Path) -> Finding:
    """Whether names of files may be in any language: Python's encoding of them, and whether a folder takes one."""
    remedy = "`export LC_ALL=C.UTF-8` or `export PYTHONUTF8=1`"
    if encoding.lower().replace("-", "") != "utf8":
        return missing("file names", f"are in {encoding}, must be in UTF-8 for names of videos in any language", remedy)
    try:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            Path(place, _NAME).touch()
            found = [path.name for path in Path(place).iterdir()]
    except OSError as error:
        return absent("file names", f"{folder} does not take {_NAME!r} ({error.strerror})", "use names of ASCII alone")
    if found != [_NAME]:
        return absent(
            "file names", f"{folder} gives {_NAME!r} another form", "name videos in ASCII where others share them"
        )
    return ok("file names", "UTF-8")
