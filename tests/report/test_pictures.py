from __future__ import annotations

import numpy as np
import pytest

from gsf.errors import EvaluationError
from gsf.params.study import PlannedTraining
from gsf.provenance.pages import page_tables
from gsf.report.collect import Training
from gsf.report.pictures import class_order, confusion_matrix, line_styles


def test_partners_stand_side_by_side_and_every_class_once() -> None:
    order = class_order(["a", "b", "c", "d", "e"], [["e", "b"], ["d", "a"]])
    assert order == ["a", "d", "b", "e", "c"]


def test_rows_of_the_confusion_are_shares_of_the_true_class() -> None:
    matrix = confusion_matrix([("a", "a"), ("a", "b"), ("b", "b")], ["b", "a", "c"])
    np.testing.assert_array_equal(matrix, [[1, 0, 0], [0.5, 0.5, 0], [0, 0, 0]])


def test_seeds_share_a_colour_but_no_two_runs_look_alike() -> None:
    runs = [
        Training(
            PlannedTraining(run=f"{name}-s{s}", experiment=name, benchmark="b", model="m", recipe="r", seed=s), {}, 1, 1
        )
        for name in ("tsn", "tsm", "gsm", "gsf", "gsf-wide", "gsf-deep", "gsf-slow", "gsf-fast")
        for s in (0, 1)
    ]
    styles = line_styles(runs)
    assert styles[0]["color"] == styles[1]["color"] != styles[2]["color"]
    assert len({tuple(style.values()) for style in styles}) == len(runs)


@pytest.mark.parametrize("page", ["", "# Written by hand\n\n| a | b |\n"])
def test_a_page_that_the_report_did_not_write_has_no_tables(page: str) -> None:
    assert page_tables(page) == ""


def test_a_confusion_with_an_unknown_class_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="'x' is not a class"):
        confusion_matrix([("a", "x")], ["a", "b"])
