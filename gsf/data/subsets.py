"""Named subsets of a benchmark's test videos, for accuracies of their own: unseen participants, tail classes.

A table `subset,part,id`, one row a video of a subset. `part` is the part of the classes that the subset is for, such as
`verb`, or `action` for the whole class; empty: for all of them. Stage `annotate` writes it for published benchmarks;
for a benchmark of your own it is `params/benchmarks/NAME.subsets.csv`, in git.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gsf.errors import DataError
from gsf.tables import read_table

SUBSETS = ("subset", "part", "id")
FILE = "subsets.csv"  # of a published benchmark, beside its annotations
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Subset:
    """Some of the test videos."""

    name: str
    part: str  # of the classes; empty: for all parts
    ids: frozenset[str]


def read_subsets(path: Path) -> tuple[Subset, ...]:
    """The subsets of a table in order of appearance; DataError names file and row where it is not one."""
    found: dict[tuple[str, str], set[str]] = {}
    for number, row in enumerate(read_table(path, SUBSETS), start=1):
        where = f"{path}, row {number}"
        for column in ("subset", "part"):
            if not _NAME.fullmatch(row[column]) and (column == "subset" or row[column]):
                rule = "must be letters, digits, '-' and '_', with a letter first: it becomes part of a metric's name"
                raise DataError(f"{where}: {column} is {row[column]!r}, {rule}")
        ids = found.setdefault((row["subset"], row["part"]), set())
        if row["id"] in ids:
            raise DataError(f"{where}: {row['id']!r} is in {row['subset']!r} already, must be there once")
        ids.add(row["id"])
    return tuple(Subset(name, part, frozenset(ids)) for (name, part), ids in found.items())


def subset_rows(subsets: Iterable[Subset]) -> list[tuple[str, str, str]]:
    """The rows of a table of subsets; ids in the order of their UTF-8 bytes."""
    return [
        (item.name, item.part, name)
        for item in subsets
        for name in sorted(item.ids, key=lambda name: name.encode("utf-8"))
    ]
