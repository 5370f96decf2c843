"""Storage that the frames of the five standard benchmarks need, for each choice of size, quality and frame rate.

    python bench/storage.py --videos FOLDER [FOLDER ...] [--limit 24]

Bytes a frame are measured: the size of the LMDB file that the extract stage writes for real clips, by the number of its
frames, at 16:9 (bytes follow the area). They are multiplied by the sizes of the benchmarks. A folder of clips gives one
bound of the range in the table, so name at least two: easy ones (smooth, re-encoded) and hard ones (sharp, noisy).

Published: numbers of videos; frames of Diving48 (sum over its annotation files); hours and frames of EPIC-KITCHENS-100
(its list of videos). Estimated: 4.0 s a video of Something-Something at its 12 frames a second, 10 s of 30 a second for
Kinetics-400, and 30 a second for Diving48.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.extract import make_project
from bench.record import machine
from gsf.store import extract
from gsf.store.reader import ShardReader

SHORT_SIDES, QUALITIES, RATES = (256, 240, 128), (3, 5), (None, 15, 12)
SUFFIXES = {".mp4", ".avi", ".mkv", ".webm"}


@dataclass(frozen=True)
class Benchmark:
    """The size of a benchmark."""

    name: str
    videos: int
    seconds: float  # of all videos together
    fps: float  # of its videos, as a mean

    def frames(self, rate: int | None) -> float:
        """Frames that are stored; a rate above that of the videos would only repeat frames."""
        return self.seconds * min(self.fps, rate or self.fps)


BENCHMARKS = (
    Benchmark("Something-Something V1", 108_499, 108_499 * 4.0, 12.0),
    Benchmark("Something-Something V2", 220_847, 220_847 * 4.0, 12.0),
    Benchmark("Kinetics-400", 306_245, 306_245 * 10.0, 30.0),
    Benchmark("Diving48 V2", 16_997, 2_682_071 / 30.0, 30.0),
    Benchmark("EPIC-KITCHENS-100", 700, 100.03 * 3600, 19_813_555 / (100.03 * 3600)),
)


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


def table(measured: dict[tuple[int, int], list[float]]) -> list[str]:
    """The table as Markdown, in GB (10^9 bytes)."""
    titles = ["short side", "q", "kB a frame", "rate", *(item.name for item in BENCHMARKS)]
    lines = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    for (short_side, quality), sizes in measured.items():
        low, high = min(sizes), max(sizes)
        for rate in RATES:
            cells = [
                f"{item.frames(rate) * low / 1e9:,.0f}-{item.frames(rate) * high / 1e9:,.0f}" for item in BENCHMARKS
            ]
            shown = [str(short_side), str(quality), f"{low / 1e3:.1f}-{high / 1e3:.1f}", str(rate or "all")]
            lines.append(f"| {' | '.join(shown + cells)} |")
    return lines


def main() -> None:
    """Measure the clips and print the table."""
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
    measured = {
        (side, quality): [bytes_a_frame(videos, side, quality) for videos in clips]
        for side in SHORT_SIDES
        for quality in QUALITIES
    }
    text = "\n".join(table(measured))
    (Path(__file__).parent / "results" / f"storage-{machine()}.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
