from __future__ import annotations

from pathlib import Path

import pytest

from gsf.data.subsets import SUBSETS, Subset, read_subsets, subset_rows
from gsf.errors import DataError
from gsf.tables import write_table

ROOT = Path(__file__).parents[2]


def test_a_table_reads_back_as_the_subsets_that_were_written(tmp_path: Path) -> None:
    subsets = (Subset("unseen", "", frozenset({"é", "b"})), Subset("tail", "verb", frozenset({"a"})))
    write_table(tmp_path / "s.csv", SUBSETS, subset_rows(subsets))
    assert read_subsets(tmp_path / "s.csv") == subsets
    assert (tmp_path / "s.csv").read_text().splitlines()[1:] == ["unseen,,b", "unseen,,é", "tail,verb,a"]


def test_the_shipped_table_of_none_has_none() -> None:
    assert read_subsets(ROOT / "params" / "benchmarks" / "none.subsets.csv") == ()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",,a", "row 2: subset is '', must be letters"),
        ("un.seen,,a", "row 2: subset is 'un.seen', must be letters"),
        ("tail,a b,a", "row 2: part is 'a b', must be letters"),
        ("night,,x", "row 2: 'x' is in 'night' already, must be there once"),
    ],
)
def test_a_row_that_cannot_name_a_metric_is_an_error(tmp_path: Path, row: str, message: str) -> None:
    (tmp_path / "s.csv").write_text(f"subset,part,id\nnight,,x\n{row}\n")
    with pytest.raises(DataError, match=message):
        read_subsets(tmp_path / "s.csv")
