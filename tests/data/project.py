"""A tiny project in a temporary folder: real video files of a few frames, and stand-ins for extractions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from gsf.project import Project
from gsf.provenance.receipt import StageResult, linked_inputs, seal
from gsf.store.plan import read_plan
from gsf.tables import write_table

SHARDS = 3
BENCHMARK = """\
name: toy
videos: videos
annotations: params/benchmarks/toy.csv
shards: {shards}
on_unreadable: {on_unreadable}
extract: {{short_side: 32, jpeg_quality: 3, max_seconds: 60, max_frames: 100, max_pixels: 100000}}
labels: {labels}
"""
ROWS = [
    ("left/a.mp4", "left", "train"),
    ("left/b.mp4", "left", "val"),
    ("right/-c.mp4", "right", "train"),
    ("right/d.mp4", "right", "test"),
]


def make_project(root: Path) -> Project:
    """A project without a benchmark."""
    (root / "params" / "benchmarks").mkdir(parents=True)
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / "requirements.lock").write_text("")
    return Project(root)


def make_video(path: Path, *, shade: int, frames: int = 3) -> None:
    """A real video of `frames` grey frames; another shade gives other bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for _ in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), shade, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_benchmark(
    project: Project,
    rows: Sequence[Sequence[str]] = ROWS,
    *,
    shards: int = SHARDS,
    on_unreadable: str = "stop",
    labels: str = "{flip: free}",
) -> None:
    """The benchmark file `toy` and its annotations."""
    text = BENCHMARK.format(shards=shards, on_unreadable=on_unreadable, labels=labels)
    project.params_file("benchmarks", "toy").write_text(text)
    write_table(project.root / "params/benchmarks/toy.csv", ("path", "label", "split"), rows)


def toy(root: Path) -> Project:
    """The benchmark `toy` with its videos: each of ROWS in another shade."""
    project = make_project(root)
    write_benchmark(project)
    for number, (name, *_) in enumerate(ROWS):
        make_video(root / "videos" / name, shade=20 + 50 * number)
    return project


def pretend_extracted(project: Project, *, reasons: Mapping[str, str] | None = None, frames: int = 3) -> None:
    """Tables and receipts as the extract stage leaves them, without decoding."""
    for shard in (f"{number:02d}" for number in range(SHARDS)):
        plan = project.shard_plan("toy", shard)
        rows = [
            (video.id, 0, 0, 0, 0, (reasons or {})[video.id])
            if video.id in (reasons or {})
            else (video.id, frames, 48, 32, 999, "")
            for video in read_plan(plan)
        ]
        pretend_table(project, shard, rows)


def pretend_table(project: Project, shard: str, rows: Sequence[Sequence[object]]) -> None:
    """One table of an extraction with a receipt that agrees."""
    table = project.extracted("toy", shard)
    write_table(table, ("id", "frames", "width", "height", "bytes", "reason"), rows)
    usable = [row for row in rows if not row[-1]]
    seal(
        project,
        StageResult(
            stage=f"extract@toy-{shard}",
            command=["gsf", "extract", "toy", shard],
            params={},
            inputs=linked_inputs(project, project.plan_receipt("toy", shard), [project.shard_plan("toy", shard)]),
            outputs=[table],
            entry="gsf.store.plan",
            facts={
                "videos": len(usable),
                "frames": sum(int(str(row[1])) for row in usable if str(row[1]).isdecimal()),
                "excluded": len(rows) - len(usable),
            },
        ),
        project.extract_receipt("toy", shard),
    )
