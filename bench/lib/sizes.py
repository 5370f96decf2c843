"""The sizes of the five standard benchmarks, and what their frames take on disk by the bytes of a frame.

Counted are the videos that `gsf init --published` imports: those of the training split and of the split that papers
report on (docs/benchmarks.md). Published: their numbers, about 240,000 for the training of Kinetics-400; frames of
Diving48 (sum over its annotation files); hours and frames of all videos of EPIC-KITCHENS-100 (its list of videos), of
which 67 of 700 are for the test (general knowledge) and taken to be as long as the others. Estimated: 4.0 s a video of
Something-Something at its 12 frames a second, 10 s of 30 a second for Kinetics-400, and 30 a second for Diving48.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

RATES = (None, 15, 12)  # frames a second that are stored; None: all
PAGE = 4096  # bytes: a frame that is stored unchanged begins on a page of its own


@dataclass(frozen=True)
class Benchmark:
    """The size of a benchmark."""

    name: str
    train: int  # videos
    reported: int  # videos of the split on which papers report
    seconds: float  # of all these videos together
    fps: float  # of its videos, as a mean

    @property
    def videos(self) -> int:
        return self.train + self.reported

    def frames(self, rate: int | None) -> float:
        """Frames that are stored; a rate above that of the videos repeats frames, which are stored again."""
        return self.seconds * (rate or self.fps)


SSV1 = Benchmark("Something-Something V1", 86_017, 11_522, (86_017 + 11_522) * 4.0, 12.0)  # folders of JPEG files
SSV2 = Benchmark("Something-Something V2", 168_913, 24_777, (168_913 + 24_777) * 4.0, 12.0)
KINETICS = Benchmark("Kinetics-400", 240_000, 19_906, (240_000 + 19_906) * 10.0, 30.0)
DIVING = Benchmark("Diving48 V2", 15_027, 1_970, 2_682_071 / 30.0, 30.0)
EPIC = Benchmark("EPIC-KITCHENS-100", 495, 138, 100.03 * 3600 * 633 / 700, 19_813_555 / (100.03 * 3600))
EXTRACTED = (SSV2, KINETICS, DIVING, EPIC)


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Gigabytes (10^9 bytes) of each benchmark as Markdown, from the cases of bench/storage.py."""
    titles = ["short side", "q", "kB a frame", "rate", *(item.name for item in EXTRACTED)]
    lines = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    for row in rows:
        low, high = row["baseline"], row["value"]
        for rate in RATES:
            shown = [
                str(row["short_side"]),
                str(row["quality"]),
                f"{low / 1e3:.1f}-{high / 1e3:.1f}",
                str(rate or "all"),
            ]
            shown += [
                f"{item.frames(rate) * low / 1e9:,.0f}-{item.frames(rate) * high / 1e9:,.0f}" for item in EXTRACTED
            ]
            lines.append(f"| {' | '.join(shown)} |")
    return lines


def unchanged() -> str:
    """What is stored of frames that are published as JPEG files: there is nothing to choose."""
    frames = SSV1.frames(None)
    return (
        f"{SSV1.name} is published as JPEG files of 100 lines, which are stored unchanged (`source: jpeg_folders`):"
        f" short side, quality and rate cannot be chosen. Its {SSV1.videos:,} videos are about {frames / 1e6:.1f}"
        f" million files; the shards take what these take, and for each at most a page of {PAGE:,} bytes more, together"
        f" at most {frames * PAGE / 1e9:.0f} GB."
    )
