"""A project with one benchmark whose inventory is as small as the test that made it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gsf.project import Project
from gsf.provenance.hashing import sha256_file, write_atomically
from gsf.provenance.receipt import StageResult, seal
from gsf.store.plan import PlannedVideo, plan_bytes
from tests.video.clips import write_clip

PARAMS = """\
name: mini
videos: {videos}
annotations: data/mini/annotations.csv
shards: 1
on_unreadable: {on_unreadable}
extract: {{short_side: {short_side}, jpeg_quality: 5, max_seconds: 60, max_frames: {max_frames}, max_pixels: 9000000}}
labels: {{flip: forbid}}
"""


def make_project(
    root: Path, *, videos: Path, on_unreadable: str = "stop", short_side: int = 24, max_frames: int = 500
) -> Project:
    """The parameters of a benchmark `mini` of one shard."""
    (root / "params/benchmarks").mkdir(parents=True, exist_ok=True)
    text = PARAMS.format(videos=videos, on_unreadable=on_unreadable, short_side=short_side, max_frames=max_frames)
    (root / "params/benchmarks/mini.yaml").write_text(text)
    (root / "requirements.lock").write_text("")
    return Project(root)


def make_clips(folder: Path, *names: str, frames: int = 6) -> Path:
    """One video a name, each with frames of its own."""
    for name in names:
        write_clip(folder / name, frames=frames, seed=sum(name.encode()))
    return folder


def plan(project: Project, videos: Path, *, problems: Mapping[str, str] | None = None) -> None:
    """What the inventory stage would write: the plan of the files in `videos`, and a receipt that vouches for it."""
    problems = problems or {}
    rows = [
        PlannedVideo(name, name, path.stat().st_size, sha256_file(path), None, problems.get(name, ""))
        for path in sorted(videos.rglob("*"))
        if path.is_file() and (name := path.relative_to(videos).as_posix())
    ]
    table = project.shard_plan("mini", "00")
    write_atomically(table, plan_bytes(rows))
    result = StageResult(
        stage="plan@mini-00",
        command=["gsf", "inventory", "mini"],
        params={},
        inputs=[],
        outputs=[table],
        entry="gsf.store.plan",
    )
    seal(project, result, project.plan_receipt("mini", "00"))
