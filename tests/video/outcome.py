"""What becomes of a folder of files in the real stages."""

from __future__ import annotations

from pathlib import Path

from gsf.data import inventory, listing
from gsf.project import Project
from gsf.store import extract
from gsf.store.check import check_shard
from gsf.tables import read_table, write_table

PARAMS = """\
name: hostile
videos: videos
annotations: params/benchmarks/hostile.csv
shards: 1
on_unreadable: exclude
extract: {{short_side: 32, jpeg_quality: 5, fps: {fps}, max_seconds: 20, max_frames: 400, max_pixels: 2000000}}
labels: {{flip: free}}
"""


def outcome(root: Path, *, fps: str = "null") -> dict[str, str]:
    """Scan, inventory and extract all that lies in `root/videos`: the number of frames, or the reason, by name."""
    (root / "params/benchmarks").mkdir(parents=True, exist_ok=True)
    (root / "params/benchmarks/hostile.yaml").write_text(PARAMS.format(fps=fps))
    (root / "requirements.lock").write_text("")
    (root / "dvc.yaml").write_text("stages: {}\n")
    project = Project(root)
    rows = [(item.path, "class", "train") for item in listing.scan(root / "videos")]
    write_table(root / "params/benchmarks/hostile.csv", ("path", "label", "split"), rows)
    listing.run(project, "hostile")
    inventory.run(project, "hostile")
    extract.run(project, "hostile", "00", processes=2)
    assert check_shard(project.shard("hostile", "00")) == []
    table = {row["id"]: row for row in read_table(project.extracted("hostile", "00"), extract.COLUMNS)}
    assert set(table) == {row[0] for row in rows}
    for name, row in table.items():
        assert bool(row["reason"]) != bool(row["frames"]), row
        if row["reason"]:
            assert row["reason"].startswith(f"{name}: "), row
            assert str(root) not in row["reason"]
    return {name: row["reason"] or row["frames"] for name, row in table.items()}
