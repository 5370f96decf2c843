"""docs/scale.md says what follows from bench/results, and a measured GPU takes the place of the assumed ones."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from bench import estimate, graph
from bench.lib import record


def test_the_tables_of_the_page_are_those_of_the_results() -> None:
    text = estimate.PAGE.read_text(encoding="utf-8")
    assert estimate.current(text) == text, "run python bench/estimate.py"


def test_hours_are_epochs_times_clips_by_the_rate_of_a_measured_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert estimate.gpu_rate() is None or "Measured on" in estimate.tables()
    shutil.copytree(estimate.RESULTS, tmp_path / "results")
    step = {"case": "resnet50, GSF, Triton, training step", "value": 80.0, "device": "some-gpu"}  # ms for 32 clips
    for path in (tmp_path / "results").glob("gpu-*.json"):
        path.unlink()
    (tmp_path / "results/gpu-some.json").write_text(json.dumps([step]))
    monkeypatch.setattr(estimate, "RESULTS", tmp_path / "results")
    assert estimate.gpu_rate() == (400.0, "some-gpu")
    text = estimate.tables()
    assert "Measured on some-gpu: 400 clips a second." in text
    assert f"| {60 * 168_913 / 400 / 3600:.1f} |" in text
    assert "No GPU has been measured" not in text


def test_both_pages_give_the_same_sizes() -> None:
    storage = (estimate.ROOT / "docs/frames.md").read_text(encoding="utf-8")
    scale = estimate.PAGE.read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| 256 \| 3 \| [^|]+ \| all \| ([^|]+) \| ([^|]+) \|", storage, re.MULTILINE)
    (shards,) = re.findall(r"^\| shards on disk, [^|]+ \| ([^|]+) GB \| ([^|]+) GB \|$", scale, re.MULTILINE)
    assert shards == row


def test_measured_rows_are_those_of_the_next_larger_size(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = [
        {"case": f"inventory, {rows} rows", "unit": unit, "value": value}
        for rows, unit, value in (("1,000", "s", 1.0), ("30,000", "s", 3.0), ("30,000", "MiB", 9.0))
    ]
    monkeypatch.setattr(estimate, "rows", lambda topic: measured if topic == "scale" else [])
    assert estimate.at_least_as_many_rows("inventory", 1_001) == {"s": 3.0, "MiB": 9.0}
    assert estimate.at_least_as_many_rows("inventory", 1_000) == {"s": 1.0}


def test_results_of_other_groups_stay_in_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["bench/graph.py", "--all"])

    def written(*names: str, group: bool) -> list[str]:
        cases = [record.case(name, "seconds", 1.0, "s", baseline=2.0, ratio=2.0) for name in names]
        path = record.write("graph", cases, device="x", group=graph.study_of if group else None)
        return [row["case"] for row in json.loads(path.read_text())]

    assert written("a: 3 stages", "b: 3 stages", group=True) == ["a: 3 stages", "b: 3 stages"]
    assert written("a: 4 stages", group=True) == ["a: 4 stages", "b: 3 stages"]
    assert written("a: 4 stages", group=False) == ["a: 4 stages"]


def test_rates_of_extraction_reproduce_both_measured_cases() -> None:
    frame, video = estimate.extraction()
    for row in estimate.rows("extract"):
        if row["case"] == "short: 60 videos, 3000 frames, 2 processes, short side 240":
            assert 50 * frame + video == pytest.approx(2 / row["value"])
