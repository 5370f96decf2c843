from __future__ import annotations

import pickle

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gsf.data.flat import Numbers, Texts


@settings(deadline=None)
@given(st.lists(st.text()))
def test_texts_are_the_strings_they_were_made_of(values: list[str]) -> None:
    texts = Texts(values)
    assert list(texts) == values
    assert [texts[index] for index in range(len(texts))] == values
    assert list(texts[1:]) == values[1:]
    assert texts == values
    assert pickle.loads(pickle.dumps(texts)) == values
    assert texts.distinct() == sorted(set(values))


@settings(deadline=None)
@given(st.lists(st.integers(-(2**60), 2**60)))
def test_numbers_are_the_integers_they_were_made_of(values: list[int]) -> None:
    numbers = Numbers(values)
    assert list(numbers) == values
    assert [numbers[index] for index in range(len(numbers))] == values
    assert all(type(number) is int for number in numbers)
    assert numbers[:2] == values[:2]
    assert np.asarray(numbers).tolist() == values


def test_rows_are_taken_by_value_and_in_their_order() -> None:
    texts = Texts(["a", "b", "a"])
    rows = texts.where("a")
    assert rows.tolist() == [0, 2]
    assert texts.take(rows[::-1]) == ["a", "a"]
    assert Numbers([5, 6, 7]).take(rows) == [5, 7]
