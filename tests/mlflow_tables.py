"""MLflow's tables, which it takes seconds to make: the first database of a process gets them from it, others a copy."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any


def unsynced(connection: object, _: object) -> None:
    """Of a new connection: what SQLite writes need not reach the disk before it goes on."""
    if isinstance(connection, sqlite3.Connection):
        with suppress(sqlite3.DatabaseError):  # a damaged one: MLflow would try to connect for minutes
            connection.execute("PRAGMA synchronous = OFF")


class MadeOnce:
    """Stands for the function by which MLflow makes its tables where they are not all there."""

    def __init__(self, make: Callable[[Any], None]) -> None:
        self._make, self._made = make, False
        self._kept = sqlite3.connect(":memory:", check_same_thread=False)

    def __call__(self, engine: Any) -> None:
        if engine.dialect.name != "sqlite":
            self._make(engine)
            return
        with closing(engine.raw_connection()) as connection:
            database: sqlite3.Connection = connection.driver_connection
            empty = not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if empty and self._made:
                self._kept.backup(database)
                return
        self._make(engine)
        if empty:
            with closing(engine.raw_connection()) as connection:
                connection.driver_connection.backup(self._kept)
            self._made = True
