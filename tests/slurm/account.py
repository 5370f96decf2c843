"""An account of this machine without any rights, for as long as a test needs it, and a folder that it can enter.

`python -m tests.slurm.account` succeeds where the tests can have one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Self

NAME = "gsf-page"
PACKAGES = sysconfig.get_path("purelib")
NO_PYTHON = "another account can start no Python with the packages of this one"


def why_not() -> str | None:
    """What keeps this machine from making an account; None where nothing does."""
    missing = [name for name in ("useradd", "userdel") if shutil.which(name) is None]
    return f"{', '.join(missing)} not found: no account can be made" if missing else None


class Account:
    """A context manager that makes the account and removes it, with all of its folder.

    `python` is an interpreter that the account can start, with the packages of this one: root's own may lie in a home
    that is closed to others. None where there is no such.
    """

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="gsf-page-"))  # pytest's folders are closed to others
        self.folder.chmod(0o755)
        self.home = self.folder / "home"
        subprocess.run(["userdel", "--force", NAME], capture_output=True, check=False)  # a killed run left it
        subprocess.run(
            ["useradd", "--create-home", "--home-dir", self.home, "--shell", "/bin/sh", NAME],
            capture_output=True,
            check=True,
        )
        others = shutil.which(
            f"python{sys.version_info.major}.{sys.version_info.minor}", path="/usr/local/bin:/usr/bin"
        )
        self.python = next((path for path in (sys.executable, others) if path and self._starts(path)), None)
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["userdel", "--force", NAME], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *command: str, folder: Path, environment: dict[str, str]) -> str:
        """A command of the account, which must succeed; what it says on both streams."""
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment | {"HOME": str(self.home), "USER": NAME, "LOGNAME": NAME},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            user=NAME,
            group=NAME,
            extra_groups=[],
            timeout=3600,
        )
        assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def give(self, folder: Path) -> None:
        """Make the account the owner of a folder and all below it."""
        for path in [folder, *folder.rglob("*")]:
            if not path.is_symlink():
                shutil.chown(path, NAME, NAME)

    def _starts(self, python: str) -> bool:
        code = "import numpy, snakemake, sqlite3"
        environment = {"PATH": os.defpath, "PYTHONPATH": PACKAGES}
        try:
            self.run(python, "-c", code, folder=self.folder, environment=environment)
        except (OSError, AssertionError):
            return False
        return True


if __name__ == "__main__":
    reason = why_not()
    if reason is None:
        with Account() as account:
            reason = NO_PYTHON if account.python is None else None
    sys.exit(reason)
