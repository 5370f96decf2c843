from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsf.errors import DataError
from gsf.tables import read_columns, read_table, table_bytes, write_table

values = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00\r"), max_size=8)
rows = st.lists(st.tuples(values, values, st.integers(-(10**12), 10**12)), min_size=1, max_size=6)


@settings(deadline=None)
@given(rows)
def test_what_is_written_is_read_back_as_rows_and_as_columns(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, int]]
) -> None:
    path = tmp_path_factory.mktemp("table") / "t.csv"
    columns = ("one", "two", "n")
    write_table(path, columns, rows)
    assert path.read_bytes() == table_bytes(columns, rows)
    texts = [{name: str(value) for name, value in zip(columns, row, strict=True)} for row in rows]
    assert read_table(path, columns) == texts
    found = read_columns(path, columns, numbers=["n"])
    assert found.to_pylist() == [dict(zip(columns, row, strict=True)) for row in rows]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "header is 'a,b', must be a,n"),
        ("a,n\nx,1\ny\n", r"t\.csv, line 3: has 1 values, must have 2"),
        ("a,n\nx,1\n\ny,2\n", r"t\.csv, line 3: has 0 values, must have 2"),
        ("a,n\nx,many\n", r"t\.csv: n must be integers: .*many"),
        ("a,n\nx,\n", r"t\.csv: n must be integers"),
    ],
)
def test_columns_that_are_not_as_expected_are_an_error_that_says_where(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_columns(path, ("a", "n"), numbers=["n"])


def test_a_missing_table_and_one_that_is_no_text_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such table"):
        read_columns(tmp_path / "t.csv", ("a",))
    (tmp_path / "t.csv").write_bytes(b"a,b\n\xff\xfe,2\n")
    with pytest.raises(DataError, match="is not UTF-8 text"):
        read_columns(tmp_path / "t.csv", ("a", "b"))


def test_only_the_wanted_columns_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n1,2,3\n")
    assert read_columns(path, ("a", "b"), optional=("c",), only=["b"]).column_names == ["b"]
