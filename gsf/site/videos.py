"""The pages of videos: each test video with its digest, what was said of it, and frames where they may be shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gsf.evaluate.metrics import predictions
from gsf.names import slug
from gsf.project import Project
from gsf.provenance.receipt import Receipt
from gsf.site.confusion import scores_of
from gsf.site.evidence import written_rows
from gsf.site.frames import FrameSheets, Strip, frame_sheets
from gsf.site.study import Evaluation, StudyData

SPLIT = "test"


@dataclass(frozen=True)
class Video:
    """One test video, or segment of one."""

    id: str
    path: str
    sha256: str
    bytes: int
    shard: str
    frames: int
    strip: Strip | None
    said: tuple[str | None, ...]  # predicted class by evaluation, None where it is not known


@dataclass(frozen=True)
class BenchmarkVideos:
    """The test videos of one benchmark, by class."""

    study: StudyData
    benchmark: str
    classes: Mapping[str, Sequence[Video]]
    numbers: Mapping[str, int]  # of each class, in the manifest's order
    evaluations: tuple[Evaluation, ...]  # whose scores are here
    without: tuple[Evaluation, ...]  # whose scores are not
    sheets: FrameSheets

    @property
    def page(self) -> str:
        return videos_page(self.study.name, self.benchmark)


def videos_page(study: str, benchmark: str) -> str:
    return f"videos/{slug(study)}/{slug(benchmark)}/index.html"


def class_page(study: str, benchmark: str, number: int) -> str:
    return f"videos/{slug(study)}/{slug(benchmark)}/class-{number:03d}.html"


def test_videos(project: Project, study: StudyData) -> dict[str, Counter[str]]:
    """How many test videos each class has, by benchmark; nothing of a benchmark whose manifest is not here."""
    return {name: Counter(row["label"] for row in _manifest(project, study, name)) for name in study.benchmarks}


def benchmark_videos(project: Project, study: StudyData, benchmark: str) -> BenchmarkVideos | None:
    """The videos of one benchmark; None where its manifest or inventory is not here."""
    manifest = _manifest(project, study, benchmark)
    inventory = {row["id"]: row for row in _rows(project, study, f"inventory@{benchmark}", "inventory.csv")}
    if not manifest or not inventory:
        return None
    own = [item for item in study.evaluations if item.benchmark == benchmark]
    said = {item.name: found for item in own if (found := _said(project, study, item)) is not None}
    known = [item for item in own if item.name in said]
    sheets = frame_sheets(project, study, benchmark)
    numbers = {row["label"]: int(row["class_index"]) for row in manifest}
    classes: dict[str, list[Video]] = {name: [] for name in sorted(numbers, key=lambda name: numbers[name])}
    for row in manifest:
        source = inventory.get(row["id"], {})
        classes[row["label"]].append(
            Video(
                id=row["id"],
                path=source.get("path", ""),
                sha256=source.get("sha256", ""),
                bytes=int(source.get("bytes") or 0),
                shard=row["shard"],
                frames=int(row["frames"]),
                strip=sheets.strips.get(row["id"]),
                said=tuple(said[item.name].get(row["id"]) for item in known),
            )
        )
    without = tuple(item for item in own if item.name not in said)
    return BenchmarkVideos(study, benchmark, classes, numbers, tuple(known), without, sheets)


def class_context(found: BenchmarkVideos, label: str) -> dict[str, Any]:
    """What the page of one class shows."""
    videos = found.classes[label]
    rights = [sum(video.said[place] == label for video in videos) for place in range(len(found.evaluations))]
    names = list(found.classes)
    here = names.index(label)
    return {
        "study": found.study,
        "videos": found,
        "label": label,
        "rows": videos,
        "rights": rights,
        "before": names[here - 1] if here else None,
        "after": names[here + 1] if here + 1 < len(names) else None,
        "pages": {name: class_page(found.study.name, found.benchmark, found.numbers[name]) for name in names},
    }


def _said(project: Project, study: StudyData, item: Evaluation) -> dict[str, str] | None:
    """The predicted class of each video."""
    scores = scores_of(project, study.name, item.receipt) if item.receipt is not None else None
    if scores is None:
        return None
    return {video: scores.classes[best] for video, best in zip(scores.ids, predictions(scores), strict=True)}


def _manifest(project: Project, study: StudyData, benchmark: str) -> list[dict[str, str]]:
    rows = _rows(project, study, f"manifest@{benchmark}", "manifest.csv")
    return [row for row in rows if row["split"] == SPLIT]


def _rows(project: Project, study: StudyData, stage: str, name: str) -> list[dict[str, str]]:
    found: list[Receipt] = study.chain.stage(stage)
    return written_rows(project, study.name, found[0], name) if found else []
