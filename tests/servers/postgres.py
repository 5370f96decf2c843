"""A PostgreSQL of a test's own: `initdb` and `postgres` from the system's packages, as a child, in a temporary folder.

PostgreSQL does not run as root; then it runs as the user `postgres`, which its package makes.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from tests.ports import free_port

PACKAGES = "postgresql"
USER = "postgres"


def why_not() -> str | None:
    """What this machine lacks for a PostgreSQL of its own; None where it lacks nothing."""
    if importlib.util.find_spec("psycopg2") is None:
        return "psycopg2 not found: pip install psycopg2-binary"
    missing = [name for name in ("initdb", "postgres", "createdb") if program(name) is None]
    if missing:
        return f"{', '.join(missing)} not found: apt-get install -y --no-install-recommends {PACKAGES}"
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        return "runuser not found: PostgreSQL cannot be started by root"
    return None


def program(name: str) -> str | None:
    """Where a program of PostgreSQL is; Debian keeps some out of PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    return shutil.which(name) or next(
        (str(path) for folder in reversed(folders) if (path := folder / name).is_file()), None
    )


TEXTS = ("--encoding=UTF8", "--locale=C")  # the user's locale may be one that this machine has not


class Postgres:
    """A cluster on a port of the loopback; a context manager that ends it and removes its files."""

    def __init__(self) -> None:
        self.port = free_port()
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="gsf-postgres-"))  # short: a socket's path has 107 characters
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(60)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which PostgreSQL's programs and drivers take this cluster for the machine's own."""
        return {"PGHOST": str(self._folder), "PGPORT": str(self.port), "PGUSER": "gsf"}

    def database(self, name: str) -> str:
        """Create an empty database; its address as MLflow takes it."""
        self.run("createdb", "--host=127.0.0.1", f"--port={self.port}", "--username=gsf", name)
        return f"postgresql://gsf@127.0.0.1:{self.port}/{name}"

    def _start(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self._folder, USER, USER)
        data = self._folder / "data"
        self.run("initdb", f"--pgdata={data}", "--auth=trust", "--username=gsf", "--no-sync", *TEXTS)
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(self._folder), "fsync": "off"}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with Path(f"{self._folder}.log").open("wb") as log:
            command = self._command("postgres", "-D", str(data), "-p", str(self.port), *words)
            self._child = subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 120
        while not _answers(self.port):
            said = Path(f"{self._folder}.log").read_text()
            assert self._child.poll() is None, said
            assert time.monotonic() < end, said
            time.sleep(0.1)
        Path(f"{self._folder}.log").unlink()

    def _command(self, name: str, *words: str) -> list[str]:
        found = program(name)
        assert found is not None
        return [*(("runuser", "-u", USER, "--") if os.geteuid() == 0 else ()), found, *words]

    def run(self, name: str, *words: str) -> None:
        """A program of PostgreSQL, which must succeed."""
        done = subprocess.run(self._command(name, *words), cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def _answers(port: int) -> bool:
    """Whether it lets clients in; while it starts it refuses them."""
    import psycopg2

    try:
        psycopg2.connect(host="127.0.0.1", port=port, user="gsf", dbname="postgres", connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True
