"""The render stage: the same bytes everywhere, and never in a folder with somebody's videos."""

from __future__ import annotations

from pathlib import Path

import pytest

from gsf.errors import ParamsError
from gsf.project import Project
from gsf.tables import read_table
from gsf.video.arrow import CLASSES
from gsf.video.probe import probe
from gsf.video.render import run

PARAMS = """\
name: mini
videos: {videos}
annotations: data/mini/annotations.csv
shards: 1
{render}
extract: {{short_side: 32, jpeg_quality: 5, max_seconds: 60, max_frames: 200, max_pixels: 100000}}
labels: {{flip: forbid}}
"""
RENDER = "render: {seed: 3, width: 48, height: 36, fps: 12, min_frames: %d, max_frames: 9, clips_per_class: {train: 1}}"


def project(root: Path, *, videos: str = "data/mini/videos", render: str = RENDER % 8) -> Project:
    (root / "params/benchmarks").mkdir(parents=True)
    (root / "params/benchmarks/mini.yaml").write_text(PARAMS.format(videos=videos, render=render))
    (root / "requirements.lock").write_text("")
    return Project(root)


def test_two_renderings_give_the_same_receipt_and_the_files_it_speaks_of(tmp_path: Path) -> None:
    one, two = project(tmp_path / "one"), project(tmp_path / "two")
    receipt = run(one, "mini")
    assert run(two, "mini").digest == receipt.digest
    assert receipt.stage == "render@mini"
    assert receipt.facts["videos"] == len(CLASSES)
    rows = read_table(one.data("mini") / "annotations.csv", ("path", "label", "split", "sha256"))
    assert {row["label"] for row in rows} == set(CLASSES)
    for row in rows:
        files = [place.data("mini") / "videos" / row["path"] for place in (one, two)]
        assert files[0].read_bytes() == files[1].read_bytes()
    listing = read_table(one.listing("mini"), ("path", "bytes", "mtime_ns"))
    assert [row["path"] for row in listing] == sorted(row["path"] for row in rows)
    assert {row["mtime_ns"] for row in listing} == {""}
    found = probe(one.data("mini") / "videos" / rows[0]["path"])
    assert (found.width, found.height, found.codec) == (48, 36, "h264")
    assert found.frames in (8, 9)


@pytest.mark.parametrize("absolute", [True, False])
def test_a_folder_with_other_videos_is_never_replaced(tmp_path: Path, absolute: bool) -> None:
    mine = tmp_path / "root/holiday/beach.mp4"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"precious")
    videos = str(mine.parent) if absolute else "holiday"
    with pytest.raises(ParamsError, match=r"mini\.yaml: videos is '.*holiday', must be 'data/mini/videos'"):
        run(project(tmp_path / "root", videos=videos), "mini")
    assert mine.read_bytes() == b"precious"


def test_a_benchmark_without_render_parameters_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"mini\.yaml: render is missing"):
        run(project(tmp_path / "root", render=""), "mini")


def test_a_range_of_lengths_upside_down_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="min_frames is 10, must be at most max_frames"):
        run(project(tmp_path / "root", render=RENDER % 10), "mini")
