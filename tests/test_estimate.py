"""docs/scale.md says what follows from bench/results, and a measured GPU takes the place of the assumed ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bench import estimate


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


def test_rates_of_extraction_reproduce_both_measured_cases() -> None:
    frame, video = estimate.extraction()
    for row in estimate.rows("extract"):
        if row["case"] == "short: 60 videos, 3000 frames, 2 processes, short side 240":
            assert 50 * frame + video == pytest.approx(2 / row["value"])
