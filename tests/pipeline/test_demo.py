"""What `gsf demo` shows."""

from __future__ import annotations

from gsf.params.base import load
from gsf.params.study import Plan
from gsf.pipeline.demo import cell_to_trace
from gsf.project import Project
from tests.proof.finished import REPOSITORY


def test_demo_traces_a_cell_of_plain_gsf() -> None:
    plan = load(Plan, Project(REPOSITORY).plan_file)
    cells = [{"experiment": run, "metric": metric} for run in ("tsn-s0", "gsf-causal-s0", "gsf-s0") for metric in "ab"]
    assert cell_to_trace(cells, plan) == {"experiment": "gsf-s0", "metric": "a"}
    assert cell_to_trace(cells[:2], plan) == cells[0]
