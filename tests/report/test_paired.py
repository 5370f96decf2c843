from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gsf.evaluate.outcome import Outcome
from gsf.report.paired import Judged, comparisons, time_evidence
from gsf.report.paired_tables import comparison_section, time_section

LABELS = np.arange(40) % 4


def judged(run: str, protocol: str, right: Sequence[bool] | Any, **settings: Any) -> Judged:
    hit = np.asarray(right, dtype=bool)
    rows = np.flatnonzero(LABELS < 2)
    outcome = Outcome(
        ids=tuple(f"v{i}" for i in range(40)),
        classes=("left", "right", "spin", "stay"),
        labels=LABELS,
        hit=hit,
        pair_hit=hit[rows],
        pair_rows=rows,
    )
    return Judged("arrow", run, protocol, {"name": protocol, "clips": 1, **settings}, outcome, receipt=f"of {run}")


ALL, NONE = np.ones(40, dtype=bool), np.zeros(40, dtype=bool)
MOVING = LABELS >= 2  # right on spin and stay alone


def test_each_two_experiments_are_a_comparison_of_one_family() -> None:
    items = [judged("tsn-s0", "8x1x1", NONE), judged("gsm-s0", "8x1x1", MOVING), judged("gsf-s0", "8x1x1", ALL)]
    found = [item for item in comparisons(items) if item["metric"] == "top1"]
    assert [(item["first"][0], item["second"][0]) for item in found] == [
        ("tsn-s0", "gsm-s0"),
        ("tsn-s0", "gsf-s0"),
        ("gsm-s0", "gsf-s0"),
    ]
    assert [item["difference"] for item in found] == [0.5, 1.0, 0.5]
    assert {item["compared"] for item in found} == {3}
    assert all(item["p_holm"] >= item["p"] for item in found)
    assert found[0]["receipts"] == ["of tsn-s0", "of gsm-s0"]


def test_an_imported_network_is_compared_with_every_seed() -> None:
    items = [judged("tsn-s0", "8x1x1", NONE), judged("tsn-s1", "8x1x1", NONE), judged("released", "8x1x1", ALL)]
    found = [(item["first"][0], item["second"][0]) for item in comparisons(items) if item["metric"] == "top1"]
    assert found == [("tsn-s0", "released"), ("tsn-s1", "released")]


def test_another_order_is_held_against_the_same_run_and_view_only() -> None:
    items = [
        judged("gsf-s0", "8x1x1", ALL),
        judged("gsf-s0", "8x2x3", ALL, clips=2),
        judged("gsf-s0", "8x1x1-reversed", MOVING, time="reversed"),
        judged("tsn-s0", "8x1x1", MOVING),
        judged("tsn-s0", "8x1x1-reversed", MOVING, time="reversed"),
    ]
    found = {(item["first"][0], item["metric"]): item for item in time_evidence(items)}
    assert len(found) == 4
    gsf = found["gsf-s0", "top1"]
    assert (gsf["first"][1], gsf["second"][1], gsf["time"]) == ("8x1x1", "8x1x1-reversed", "reversed")
    assert gsf["per_class"] == {"left": [1, 0], "right": [1, 0], "spin": [1, 1], "stay": [1, 1]}
    assert gsf["real"]
    assert not found["tsn-s0", "top1"]["real"]
    # and networks are compared with each other forward alone
    assert {item["protocol"] for item in comparisons(items)} == {"8x1x1"}


def test_the_page_shows_what_each_class_loses() -> None:
    items = [judged("gsf-s0", "8x1x1", ALL), judged("gsf-s0", "8x1x1-frozen", MOVING, time="frozen")]
    page = "\n".join(time_section(time_evidence(items)))
    assert r"| gsf-s0 | 100.0 | 50.0 (-50.0\*) |" in page
    assert page.index("| left | 100 / 0 |") < page.index("| spin | 100 / 100 |")


def test_a_study_with_nothing_to_compare_has_no_such_section() -> None:
    items = [judged("gsf-s0", "8x1x1", ALL)]
    assert list(comparison_section(comparisons(items))) == []
    assert list(time_section(time_evidence(items))) == []
