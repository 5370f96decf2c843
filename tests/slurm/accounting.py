"""Accounting for a Slurm of the tests, from Debian's packages: MariaDB and slurmdbd, each as a child.

Jobs then need an account, and `sacct` remembers them, as on most clusters.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

PROGRAMS = ("mariadbd", "mariadb-install-db", "my_print_defaults", "slurmdbd", "sacctmgr")
PACKAGES = "slurmdbd slurm-wlm-mysql-plugin mariadb-server-core mariadb-client"
CLUSTER = "gsftests"  # no name of a real one: what runs in it is killed in the end
NONE = "AccountingStorageType=accounting_storage/none\n"
ENFORCED = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=16819
AccountingStorageEnforce=associations
"""
SERVICE = """\
{mark}AuthType=auth/munge
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort=16819
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=16820
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
PidFile={folder}/slurmdbd.pid
LogFile={folder}/log/slurmdbd.log
"""
TABLES = """\
CREATE DATABASE slurm_acct_db;
CREATE USER slurm@127.0.0.1 IDENTIFIED BY 'slurm';
GRANT ALL ON slurm_acct_db.* TO slurm@127.0.0.1;
"""

Start = Callable[..., None]
Wait = Callable[[Callable[[], object], str], None]


def why_not() -> str | None:
    """What this machine lacks for accounting; None where it lacks nothing."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not found: apt-get install -y --no-install-recommends {PACKAGES}"
    return None


def start_accounting(
    folder: Path, settings: Path, *, accounts: Sequence[str], mark: str, host: str, start: Start, wait: Wait
) -> None:
    """Bring up the database and slurmdbd, and let root use the accounts; the first one is the default.

    Args:
        folder: of the cluster's files.
        settings: the folder where slurmdbd looks for its own.
        accounts: to be there.
        mark: the first line of settings.
        host: what this machine is called.
        start: begins a child.
        wait: until something is there.
    """
    tables, database = folder / "tables.sql", folder / "mariadb"
    tables.write_text(TABLES)
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={database}", "--skip-test-db"],
        capture_output=True,
        check=True,
    )
    start(
        "mariadbd", "--no-defaults", "--user=root", f"--datadir={database}", f"--init-file={tables}", "--port=16820",
        "--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0",
        f"--socket={database}/socket", f"--pid-file={database}/pid",
    )  # fmt: skip
    wait((database / "pid").exists, "mariadbd")
    service = settings / "slurmdbd.conf"
    service.touch(mode=0o600)  # it holds a password, and slurmdbd refuses one that others may read
    service.write_text(SERVICE.format(mark=mark, host=host, folder=folder))
    start("slurmdbd", "-D")
    wait(lambda: _manage("list", "cluster"), "slurmdbd")
    orders = [["cluster", CLUSTER], *(["account", name, f"cluster={CLUSTER}"] for name in accounts)]
    orders += [["user", "root", f"account={name}", f"defaultaccount={accounts[0]}"] for name in accounts]
    for words in orders:
        assert _manage("add", *words), f"sacctmgr -i add {' '.join(words)}"


def _manage(*words: str) -> bool:
    """Whether an order to the database succeeds."""
    return subprocess.run(["sacctmgr", "-i", *words], capture_output=True, check=False).returncode == 0
