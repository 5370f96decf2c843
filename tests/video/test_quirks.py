"""Real files that break decoders: as many upright frames as an independent decoder finds."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from gsf.data import inventory, listing
from gsf.project import Project
from gsf.store import extract
from gsf.store.reader import ShardReader
from gsf.tables import read_table, write_table
from tests.shared import needs_shared, shared_folder

PARAMS = """\
name: quirks
videos: {videos}
annotations: params/benchmarks/quirks.csv
shards: 1
on_unreadable: stop
extract: {{short_side: 64, jpeg_quality: 3, fps: {fps}, max_seconds: 120, max_frames: 1000, max_pixels: 8847360}}
labels: {{flip: free}}
"""
# Turns clockwise that bring the stored pictures upright, as their cameras wrote them; the others lie as they are shown.
TURNED = {"rotated_176x144_odd_rate.mp4": 90, "rotated_full_range_1280x720.mp4": 90}
pytestmark = needs_shared


def quirks() -> Path:
    folder = shared_folder()
    assert folder is not None
    return folder / "real/quirks"


def make_project(root: Path, *, fps: str) -> Project:
    (root / "params/benchmarks").mkdir(parents=True)
    (root / "params/benchmarks/quirks.yaml").write_text(PARAMS.format(videos=quirks(), fps=fps))
    (root / "requirements.lock").write_text("")
    (root / "dvc.yaml").write_text("stages: {}\n")
    rows = [(item.path, "class", "train") for item in listing.scan(quirks())]
    write_table(root / "params/benchmarks/quirks.csv", ("path", "label", "split"), rows)
    project = Project(root)
    listing.run(project, "quirks")
    inventory.run(project, "quirks")
    extract.run(project, "quirks", "00")
    return project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("quirks"), fps="null")


@cache
def decoded(path: Path) -> tuple[list[float], np.ndarray]:
    """The time of each frame that PyAV decodes, and the middle frame as it is stored."""
    times, pictures = [], []
    with av.open(str(path), metadata_errors="replace") as container:
        for frame in container.decode(video=0):
            times.append(float(frame.pts * frame.time_base) if frame.pts is not None else float("nan"))
            pictures.append(frame)
        middle = pictures[len(pictures) // 2].to_ndarray(format="rgb24")
    return times, middle


def small(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB").resize((48, 48), Image.Resampling.BOX), dtype=np.float32)


def test_every_file_gives_the_frames_that_another_decoder_finds(project: Project) -> None:
    shard = ShardReader(project.shard("quirks", "00"))
    names = sorted(path.name for path in quirks().iterdir())
    assert sorted(shard) == names
    assert len(names) >= 13
    for name in names:
        times, middle = decoded(quirks() / name)
        frames = shard[name]
        assert len(frames) == len(times), name
        found = small(Image.open(io.BytesIO(frames[len(times) // 2])))
        turns = TURNED.get(name, 0) // 90
        error = {k: float(np.abs(small(Image.fromarray(np.rot90(middle, -k))) - found).mean()) for k in range(4)}
        assert min(error, key=error.__getitem__) == turns, (name, error)
        assert error[turns] < 9, (name, error)  # grey levels, of scaling and JPEG; another range of colours costs more


def test_a_rate_chooses_by_time(tmp_path: Path) -> None:
    project = make_project(tmp_path, fps="12")
    table = {row["id"]: row for row in read_table(project.extracted("quirks", "00"), extract.COLUMNS)}
    for name, row in table.items():
        times, _ = decoded(quirks() / name)
        span = max(times) - min(times)  # without the last frame's own duration
        assert span * 12 < int(row["frames"]) <= span * 12 + 3, (name, row, span)
