"""Bytes that a stored frame takes, for each choice of size and quality.

    python bench/storage.py --videos FOLDER [FOLDER ...] [--limit 24]

The size of the LMDB file that the extract stage writes for real clips, by the number of its frames, at 16:9 (bytes
follow the area). A folder of clips gives one bound of the range, so name at least two: easy ones (smooth, re-encoded)
and hard ones (sharp, noisy). A case has the folder with the largest frames as its value, that with the smallest as its
baseline. What the benchmarks take then, bench/lib/sizes.py reckons.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.extract import make_project
from bench.lib.record import case, write
from gsf.store import extract
from gsf.store.reader import ShardReader

SHORT_SIDES, QUALITIES = (256, 240, 128), (3, 5)
SUFFIXES = {".mp4", ".avi", ".mkv", ".webm"}


def bytes_a_frame(videos: list[Path], short_side: int, quality: int) -> float:
    """Of the LMDB file, for a frame of 16:9."""
    with tempfile.TemporaryDirectory() as scratch:
        links = Path(scratch) / "videos"
        links.mkdir()
        named = [links / path.name for path in videos]
        for link, path in zip(named, videos, strict=True):
            link.symlink_to(path)
        project = make_project(Path(scratch) / "project", named, short_side, quality=quality)
        extract.run(project, "bench", "00")
        shard = project.shard("bench", "00")
        reader = ShardReader(shard)
        pixels = sum(len(reader[name]) * reader[name].width * reader[name].height for name in reader)
        reader.close()
        return shard.stat().st_size / pixels * (short_side * round(short_side * 16 / 9))


def main() -> None:
    """Measure the clips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, nargs="+", default=[], help="folders of real videos")
    parser.add_argument("--limit", type=int, default=24, help="videos of a folder")
    options = parser.parse_args()
    if not options.videos:
        print("storage: not measured: needs --videos FOLDER with real clips")
        return
    clips = []
    for folder in options.videos:
        found = sorted(path.resolve() for path in folder.iterdir() if path.suffix in SUFFIXES)
        clips.append(found[:: max(1, len(found) // options.limit)][: options.limit])
    cases = []
    for side in SHORT_SIDES:
        for quality in QUALITIES:
            sizes = [bytes_a_frame(videos, side, quality) for videos in clips]
            low, high = min(sizes), max(sizes)
            row = case(f"short side {side}, quality {quality}, the largest frames against the smallest",
                       "bytes of a frame of 16:9", high, "bytes", baseline=low, ratio=low / high)  # fmt: skip
            cases.append({**row, "short_side": side, "quality": quality})
    write("storage", cases)


if __name__ == "__main__":
    main()
