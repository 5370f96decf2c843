from __future__ import annotations

import numpy as np

from gsf.data.subsets import Subset
from gsf.evaluate.breakdown import Breakdown
from gsf.evaluate.metrics import compute_metrics
from gsf.provenance.records import metric_cells
from gsf.report.apart import apart_cells, apart_table
from tests.evaluate.test_metrics import make_scores

PARTS = {"class_parts": [{"verb": verb, "noun": noun} for verb in ("take", "put") for noun in ("plate", "cup")]}
UNSEEN = Subset("unseen", "", frozenset({"v0", "v1", "v2"}))
TAIL = Subset("tail", "noun", frozenset({"v3", "v4"}))


def metrics(seed: int) -> dict[str, object]:
    generator = np.random.default_rng(seed)
    scores = make_scores(generator.normal(size=(8, 1, 4)), generator.integers(0, 4, 8))
    return compute_metrics(scores, reversal_pairs=[], excluded=0, breakdown=Breakdown.of(PARTS, [UNSEEN, TAIL]))


def test_rows_are_subsets_and_columns_parts_and_what_was_not_measured_is_empty() -> None:
    own = metrics(0)
    lines = apart_table({"gsf": [own], "tsn": [metrics(1)]})
    assert lines[0].startswith("| experiment | videos | verb top-1 | verb top-5 | verb mean per class | noun top-1 |")
    assert [line.split(" | ")[:2] for line in lines[2:5]] == [["| gsf", "all"], ["| gsf", "unseen"], ["| gsf", "tail"]]
    assert len({line.count("|") for line in lines}) == 1
    tail = lines[4].split(" | ")
    assert tail[2] == ""  # the tail here is one of nouns
    assert tail[5].startswith(f"{100 * own['tail.noun.top1']:.1f} [")  # type: ignore[operator]


def test_of_several_seeds_there_is_a_deviation() -> None:
    assert "±" in apart_table({"gsf": [metrics(0), metrics(1)]})[2]


def test_without_parts_and_subsets_there_is_no_table() -> None:
    scores = make_scores([[[1, 0]]], [0])
    plain = compute_metrics(scores, reversal_pairs=[], excluded=0)
    assert apart_table({"gsf": [plain]}) == []
    assert list(apart_cells([plain])) == []


def test_each_number_becomes_a_cell_with_its_number_of_videos() -> None:
    cells = metric_cells(metrics(0), benchmark="epic", run="gsf-s0", protocol="8x1x1", receipt="r")
    by_name = {cell["metric"]: cell for cell in cells}
    assert [by_name[name]["n"] for name in ("top1", "action.top1", "unseen.verb.top5", "tail.noun.mean_class")] == [
        8, 8, 3, 2,
    ]  # fmt: skip
    assert by_name["action.top1"]["value"] == by_name["top1"]["value"]
    assert all("low" in by_name[name] for name in ("unseen.verb.top1", "tail.noun.mean_class"))
