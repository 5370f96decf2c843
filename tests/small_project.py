"""A small project of real files: arrow with a few clips, run through the data stages."""

from __future__ import annotations

from pathlib import Path

from gsf.data import inventory, manifest
from gsf.project import Project
from gsf.store import extract
from gsf.video import render

BENCHMARK = """\
name: arrow
videos: data/arrow/videos
annotations: data/arrow/annotations.csv
shards: 2
on_unreadable: stop
render: {seed: 1, width: 48, height: 36, fps: 12, min_frames: 8, max_frames: 10,
  clips_per_class: {train: 1, val: 1, test: 1}}
extract: {short_side: 36, jpeg_quality: 5, max_seconds: 20, max_frames: 100, max_pixels: 100000}
labels:
  flip: swap
  flip_pairs: [[left, right], [turn_clockwise, turn_counterclockwise]]
  reversal_pairs: [[left, right], [up, down]]
"""

MODEL = """\
name: {name}
backbone: resnet18
temporal: {temporal}
num_segments: 2
input_size: 32
short_side: 36
dropout: 0.5
"""

RECIPE = """\
name: quick
epochs: 3
batch_size: 8
optimizer: {name: sgd, lr: 0.01, momentum: 0.9, weight_decay: 0.0005}
warmup_epochs: 1
select: best
augment: {scales: [1.0, 0.875]}
"""

PROTOCOL = """\
name: {name}
frames: 2
clips: {clips}
crops: {crops}
"""


def make_project(root: Path) -> Project:
    """Parameter files only."""
    files = {
        "dvc.yaml": "stages: {}\n",
        "requirements.lock": "torch==0\n",
        "params/benchmarks/arrow.yaml": BENCHMARK,
        "params/models/tsn.yaml": MODEL.format(name="tsn", temporal="none"),
        "params/models/gsf.yaml": MODEL.format(name="gsf", temporal="gsf"),
        "params/recipes/quick.yaml": RECIPE,
        "params/protocols/2x1x1.yaml": PROTOCOL.format(name="2x1x1", clips=1, crops=1),
        "params/protocols/2x2x3.yaml": PROTOCOL.format(name="2x2x3", clips=2, crops=3),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Project(root)


def make_data(root: Path) -> Project:
    """A project whose benchmark is rendered, inventoried, extracted and listed: 36 clips in 2 shards."""
    project = make_project(root)
    render.run(project, "arrow")
    inventory.run(project, "arrow")
    for shard in ("00", "01"):
        extract.run(project, "arrow", shard)
    manifest.run(project, "arrow")
    return project
