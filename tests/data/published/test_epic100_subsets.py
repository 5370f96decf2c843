from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from gsf.data.published.annotate import Annotated, summary
from gsf.data.published.epic100_subsets import smallest
from gsf.errors import DataError
from gsf.params.benchmark import Target
from tests.data.published.small import EPIC_HEADER, epic_row, pinned, read, write

LISTS = {
    "EPIC_100_tail_verbs.csv": "verb\n0\n",
    "EPIC_100_tail_nouns.csv": "noun\n1\n",
    "EPIC_100_unseen_participant_ids_validation.csv": "participant_id\nP02\n",
}


def validation() -> str:
    rows = [
        epic_row("P01_02_0", "P01_02", start=600, stop=1200, rate=60, verb=0, noun=0),
        epic_row("P02_02_0", "P02_02", start=600, stop=1200, rate=60, verb=1, noun=1).replace(",P01,", ",P02,"),
        epic_row("P02_02_1", "P02_02", start=600, stop=1200, rate=60, verb=1, noun=0).replace(",P01,", ",P02,"),
    ]
    return "\n".join([EPIC_HEADER, *rows])


def annotated(folder: Path, *, lists: dict[str, str] | None = None, target: Target = "action") -> Annotated:
    write(folder, "epic100", EPIC_100_validation_csv=validation())
    for name, text in (lists or {}).items():
        (folder / name).write_text(text)
    return read(folder, "epic100", target=target)


def subsets(found: Annotated) -> dict[tuple[str, str], set[str]]:
    return {(item.name, item.part): set(item.ids) for item in found.reading.subsets}


def test_published_lists_make_the_subsets(tmp_path: Path) -> None:
    found = annotated(tmp_path, lists=LISTS)
    assert subsets(found) == {
        ("unseen", ""): {"P02_02_0", "P02_02_1"},
        ("tail", "verb"): {"P01_02_0"},
        ("tail", "noun"): {"P02_02_0"},
        ("tail", "action"): {"P01_02_0", "P02_02_0"},  # a tail verb or a tail noun
    }
    facts = summary(found, format="epic100")
    assert facts["subsets"] == {"unseen": 2, "tail verb": 1, "tail noun": 1, "tail action": 2}
    assert "tail verb: 1 classes as published in EPIC_100_tail_verbs.csv" in facts["subset_rules"]


def test_without_the_lists_the_published_rules_are_applied_and_said(tmp_path: Path) -> None:
    found = annotated(tmp_path)
    assert subsets(found)["unseen", ""] == {"P02_02_0", "P02_02_1"}  # P02 has no training segment
    # of 3 training segments the smaller verb has 1, more than a fifth: no tail
    assert subsets(found)["tail", "verb"] == set()
    rules = " ".join(found.reading.subset_rules)
    assert "participants of whom the training list has no segment" in rules
    assert "tail verb: 0 classes, the smallest that together hold at most 20 % of the training segments" in rules
    assert "was not among the files" in rules


@pytest.mark.parametrize(("target", "tail"), [("verb", {"P01_02_0"}), ("noun", {"P02_02_0"})])
def test_of_verbs_or_nouns_alone_the_tail_is_theirs(tmp_path: Path, target: Target, tail: set[str]) -> None:
    found = subsets(annotated(tmp_path, lists=LISTS, target=target))
    assert found == {("unseen", ""): {"P02_02_0", "P02_02_1"}, ("tail", ""): tail}


def test_the_tail_holds_at_most_a_fifth_and_the_next_class_would_exceed_it() -> None:
    counts = Counter({0: 80, 1: 11, 2: 5, 3: 4})
    assert smallest(counts, classes=5) == {4, 3, 2, 1}  # 0 + 4 + 5 + 11 = 20 of 100
    assert smallest(counts + Counter({1: 1}), classes=5) == {4, 3, 2}  # 21 of 101 is more than a fifth
    assert smallest(Counter({0: 5, 1: 5, 2: 90}), classes=3) == {0, 1}
    assert smallest(Counter({0: 10, 1: 10, 2: 75}), classes=3) == {1}  # at equal numbers the higher id first


def test_a_list_with_an_unknown_class_is_an_error_that_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"EPIC_100_tail_verbs.csv, line 2: verb .*must be an integer from 0 to 1"):
        annotated(tmp_path, lists={"EPIC_100_tail_verbs.csv": "verb\n2\n"})


def test_the_lists_are_pinned_like_every_other_file(tmp_path: Path) -> None:
    annotated(tmp_path, lists=LISTS)
    assert LISTS.keys() <= pinned(tmp_path, "epic100").sha256.keys()
