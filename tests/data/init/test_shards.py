"""How many shards `gsf init` plans."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from gsf.data.init.common import planned_shards
from gsf.data.init.published import init_published, shards_of
from gsf.data.published.disk import Places
from gsf.data.published.formats import BENCHMARKS
from gsf.params.base import load
from gsf.params.benchmark import Benchmark, Format
from tests.data.project import make_project
from tests.data.published.small import EPIC_HEADER, FILES, epic_row, read, write

KINETICS = 240_000  # training clips: no fixed number was published
EPIC_VIDEOS = 633  # with labels
PAGE = (Path(__file__).parents[3] / "docs/benchmarks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("rows", "videos", "shards"),
    [
        (1, 1, 1), (15, 15, 1), (16, 16, 4), (1000, 1000, 4), (1001, 1001, 5), (8000, 8000, 32), (10**6, 10**6, 32),
        (76_885, 633, 32), (5000, 3, 3), (0, 0, 1),
    ],
)  # fmt: skip
def test_shards_follow_the_rows_and_are_no_more_than_the_videos(rows: int, videos: int, shards: int) -> None:
    assert planned_shards(rows=rows, videos=videos) == shards


@pytest.mark.parametrize("format", BENCHMARKS)
def test_every_published_benchmark_at_full_size_gets_the_shards_of_the_page(tmp_path: Path, format: Format) -> None:
    small = read(write(tmp_path, format), format)
    parts = {row.part for row in small.reading.rows}
    totals = [KINETICS if (total := small.reading.totals[part]) is None else total for part in parts]
    row = small.reading.rows[0]
    videos = EPIC_VIDEOS if format == "epic100" else sum(totals)
    full = dataclasses.replace(
        small,
        reading=dataclasses.replace(small.reading, rows=[row] * sum(totals)),
        places=Places(paths=dict.fromkeys(map(str, range(videos)), ""), missing=()),
    )
    (documented,) = re.findall(r"Each of the six gets (\d+) shards", PAGE)
    assert shards_of(full) == int(documented)
    if format in ("diving48", "epic100"):
        assert f"{sum(totals):,}" in PAGE


def test_every_format_is_read() -> None:
    assert BENCHMARKS.keys() == FILES.keys()


def test_a_benchmark_of_segments_has_shards_for_its_rows(tmp_path: Path) -> None:
    rows = [epic_row(f"t{n}", f"P01_{n % 10:02d}", start=1, stop=120, rate=60, verb=n % 2, noun=0) for n in range(40)]
    folder = write(tmp_path / "lists", "epic100", EPIC_100_train_csv="\n".join([EPIC_HEADER, *rows]))
    (tmp_path / "videos").mkdir()
    project = make_project(tmp_path / "project")
    init_published(project, "epic", tmp_path / "videos", format="epic100", annotations=folder)
    assert load(Benchmark, project.params_file("benchmarks", "epic")).shards == 4  # of 10 videos
