"""Programs for which folders are read-only although the tests run as root.

They obey permissions, without root's right to override them, or see a folder on a read-only file system.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ANOTHER_USER = 65534
_WITHOUT_RIGHTS = ("setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search,-fowner")

_MOUNTED = 'mount --bind "$0" "$0" && mount -o remount,bind,ro,nosuid,nodev "$0" && cd "$PWD" && exec "$@"'


def obeying(*command: str) -> list[str]:
    """The command line of a program that may not write where permissions forbid it; skips where that cannot be had."""
    if os.getuid() != 0:
        return list(command)
    if shutil.which("setpriv") is None or subprocess.run([*_WITHOUT_RIGHTS, "true"], check=False).returncode:
        pytest.skip("NOT TESTED: as root, permissions need setpriv (util-linux) with the right to drop capabilities")
    return [*_WITHOUT_RIGHTS, *command]


def read_only(folder: Path) -> None:
    """Make a folder as it is on a shared file system that is another user's: to be read by all and written by none."""
    for path in [folder, *folder.rglob("*")]:
        if os.getuid() == 0:
            os.chown(path, ANOTHER_USER, ANOTHER_USER, follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)


def mounted_read_only(folder: Path, *command: str) -> list[str]:
    """The command line of a program for which a folder is mounted read-only; skips where that cannot be had."""
    line = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _MOUNTED, str(folder)]
    if shutil.which("unshare") is None or subprocess.run([*line, "true"], check=False).returncode:
        pytest.skip("NOT TESTED: a read-only mount needs unshare (util-linux) and user namespaces that may mount")
    return [*line, *command]
