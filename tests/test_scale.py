"""bench/scale.py, on few rows: what it makes is what the stages expect, and what it waits for ends."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import scale
from bench.lib import big, stage
from gsf.data import inventory, listing, manifest
from gsf.project import Project


def test_a_made_benchmark_goes_from_its_files_to_a_first_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RECIPE": "finetune", "MODEL": "gsf-mobilenetv2-112", "DRAWN": 6}.items():  # small clips, few
        monkeypatch.setattr(stage, name, value)
    names = [f"class{number % 4:03d}/{number:06d}.webm" for number in range(80)]
    big.make_project(tmp_path, shards=32, missing="stop")
    big.write_annotations(tmp_path, names)
    big.make_files(tmp_path, names)
    project = Project(tmp_path)
    big.remember(project)
    assert listing.run(project, "big")
    assert inventory.run(project, "big").facts["videos"] == len(names)
    big.pretend_extracted(project)
    manifest.run(project, "big")
    stage._store_first(project)
    (clips, *_), _ = stage._first_batch(project)
    assert clips.shape == (8, 8, 3, 112, 112)


def test_made_folders_are_listed_and_known(tmp_path: Path) -> None:
    names = [str(number) for number in range(100)]
    big.make_project(tmp_path, shards=32, missing="stop", source="jpeg_folders")
    big.write_annotations(tmp_path, names)
    big.make_folders(tmp_path, names, pictures=3)
    project = Project(tmp_path)
    big.remember(project)
    assert listing.run(project, "big")
    facts = inventory.run(project, "big").facts  # empty pictures could not be probed: all is known
    assert (facts["videos"], facts["problems"]) == (100, 0)


def test_a_process_that_fails_to_read_the_rows_ends_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_lists", lambda _: (None, [SimpleNamespace(split=None)]))
    with pytest.raises(SystemExit, match="the process that reads every row failed"):
        stage._workers(None)


@pytest.mark.parametrize(
    ("case", "part"),
    [
        ("scan, 220,847 rows", "rows"),
        ("loader process, 650,000 rows", "rows"),
        ("scan, 108,499 folders of 43 files", "folders"),
        ("add 100 videos to 220,847 rows (400 real)", "additions"),
    ],
)
def test_a_part_that_is_measured_again_replaces_its_own_cases(case: str, part: str) -> None:
    assert scale.part_of({"case": case}) == part
    assert part in scale.PARTS
