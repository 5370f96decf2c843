"""docs/scale.md says what follows from bench/results, and a measured GPU takes the place of the assumed ones."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from bench import estimate, graph
from bench.extract import videos_of
from bench.lib import record
from bench.lib.sizes import SSV2, table


def test_the_tables_of_the_page_are_those_of_the_results() -> None:
    text = estimate.PAGE.read_text(encoding="utf-8")
    assert estimate.current(text) == text, "run python bench/estimate.py"


def test_hours_are_epochs_times_clips_by_the_rate_of_a_measured_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert estimate.gpu_rate() is None or "Measured on" in estimate.tables()
    shutil.copytree(estimate.RESULTS, tmp_path / "results")
    # a step takes 80 ms for 32 clips
    step = {"case": "resnet50, GSF, Triton, training step", "value": 80.0, "device": "some-gpu", "date": "2026-01-01"}
    for path in (tmp_path / "results").glob("gpu-*.json"):
        path.unlink()
    later = [{"case": "resnet50, GSF, Triton, training step", "value": None, "device": "none", "date": "2026-01-02"}]
    (tmp_path / "results/gpu-none.json").write_text(json.dumps(later))
    (tmp_path / "results/gpu-some.json").write_text(json.dumps([step]))
    monkeypatch.setattr(estimate, "RESULTS", tmp_path / "results")
    assert estimate.gpu_rate() == (400.0, "some-gpu")
    text = estimate.tables()
    assert "Measured on some-gpu: 400 clips a second." in text
    assert f"| {60 * 168_913 / 400 / 3600:.1f} |" in text
    assert "No GPU has been measured" not in text


def test_a_rate_above_that_of_the_videos_takes_more_than_all_frames() -> None:
    assert SSV2.fps == 12
    assert [SSV2.frames(rate) / SSV2.frames(None) for rate in (15, 12)] == [1.25, 1.0]
    (row,) = [
        line for line in table([{"short_side": 9, "quality": 3, "value": 3e4, "baseline": 2e4}]) if "| 15 |" in line
    ]
    low, high = (SSV2.videos * 4.0 * 15 * size / 1e9 for size in (2e4, 3e4))
    assert f"| 15 | {low:,.0f}-{high:,.0f} |" in row


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


def short(*, frames: int, seconds: float, name: str = "short") -> dict[str, Any]:
    """A case of bench/extract.py: videos of so many frames and core seconds."""
    title = f"{name}: 60 videos, {60 * frames} frames, 2 processes, short side 240"
    return {"case": title, "value": 2 / seconds, "date": "2026-01-01"}


def test_rates_of_extraction_reproduce_both_measured_cases() -> None:
    frame, video = estimate.extraction()
    for frames, seconds in estimate.costs(estimate.rows("extract")):
        assert frames * frame + video == pytest.approx(seconds)


def results(folder: Path, **machines: list[dict[str, Any]]) -> Path:
    """A folder of results: the cases of extractions by machine."""
    for machine, cases in machines.items():
        (folder / f"extract-{machine}.json").write_text(json.dumps(cases))
    return folder


def test_extraction_is_reckoned_from_one_machine_that_measured_two_lengths(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    two = [short(frames=50, seconds=0.6), short(frames=100, seconds=1.1, name="videos")]
    one = [{**short(frames=50, seconds=9.0), "date": "2026-02-02"}]  # without --videos, on a machine of its own
    monkeypatch.setattr(estimate, "RESULTS", results(tmp_path, a=two, b=one))
    assert estimate.extraction() == (pytest.approx(0.01), pytest.approx(0.1))
    assert estimate.rows("extract") == one
    results(tmp_path, b=[*one, short(frames=100, seconds=13.0), short(frames=200, seconds=21.0, name="videos")])
    assert estimate.extraction() == (pytest.approx(0.08), pytest.approx(5.0))


def test_a_single_length_says_what_to_measure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(estimate, "RESULTS", results(tmp_path, a=[short(frames=50, seconds=0.6)]))
    with pytest.raises(SystemExit, match=r"two cases of 240 lines .* bench/extract.py --videos FOLDER"):
        estimate.extraction()


def test_a_start_that_is_lost_in_what_frames_differ_in_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cases = [short(frames=50, seconds=0.5), short(frames=100, seconds=1.2, name="videos")]
    monkeypatch.setattr(estimate, "RESULTS", results(tmp_path, a=cases))
    assert estimate.extraction() == (pytest.approx(0.012), 0.0)


def test_extracting_without_real_videos_leaves_their_cases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["bench/extract.py"])

    def written(*names: str) -> list[str]:
        cases = [record.case(name, "throughput", 1.0, "videos/s", baseline=2.0, ratio=0.5) for name in names]
        return [
            row["case"] for row in json.loads(record.write("extract", cases, device="x", group=videos_of).read_text())
        ]

    written("short: 60 videos, 3 frames", "videos: 60 videos, 9 frames", "memory: 400 videos against 50")
    assert written("short: 20 videos, 3 frames", "memory: 400 videos against 50") == [
        "short: 20 videos, 3 frames",
        "memory: 400 videos against 50",
        "videos: 60 videos, 9 frames",
    ]


def test_cells_of_two_machines_do_not_meet_in_one_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def measured(seconds: float, date: str) -> list[dict[str, Any]]:
        row = {"case": "ssv2: 100 stages, 9 edges", "goal": 1.0, "met": True, "value": seconds, "date": date}
        commands = ("gsf study", "dvc repro of one stage")
        return [{**row, "metric": f"seconds of {name}, against the goal", "cpu_seconds": seconds} for name in commands]

    (tmp_path / "graph-a.json").write_text(json.dumps(measured(12.0, "2026-02-02")))
    (tmp_path / "graph-b.json").write_text(json.dumps(measured(48.0, "2026-01-01")))
    monkeypatch.setattr(estimate, "RESULTS", tmp_path)
    assert estimate.graphs().splitlines()[-1] == "| ssv2: 100 stages, 9 edges | 12 (12) | 12 (12) | 10 |"
