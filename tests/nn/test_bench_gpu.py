"""bench/gpu.py works before it meets a GPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench import gpu
from bench.lib import record

SCRIPT = Path(gpu.__file__)


def test_quick_run_goes_through_every_kind_of_case() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "not measured" not in done.stdout, done.stdout + done.stderr
    for words in (
        "gpu: copy:",
        "gpu: module 16x4x4, triton, training backward (8 passes):",
        "gpu: resnet18, GSF, Triton, training step:",
        "gpu: resnet18, GSF, transcription, evaluation:",
        "gpu: resnet18, TSN, compiled, training step:",
    ):
        assert words in done.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is at hand")
def test_without_a_device_the_results_say_that_nothing_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench/gpu.py"])
    gpu.main()
    rows = json.loads((tmp_path / "gpu-none.json").read_text())
    assert len(rows) == 14
    for row in rows:
        assert row["value"] is None
        assert row["met"] is None
        assert row["goal"] > 0
        assert row["reason"] == "no CUDA device is at hand"
        assert row["device"] == "none"
    assert "no CUDA device is at hand" in capsys.readouterr().err


def test_goals_are_the_stated_ones() -> None:
    assert round(1 / gpu.GOAL_STEP, 3) == 1.10
    assert round(1 / gpu.GOAL_MEMORY, 3) == 1.15
    assert [variant.name for variant in gpu.VARIANTS if variant.goal] == ["GSF, Triton"]
