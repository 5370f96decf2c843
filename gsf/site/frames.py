"""The frames of test videos, as `gsf frames` left them: checked against the study's receipts before they are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gsf.names import slug
from gsf.project import Project
from gsf.proof.drawn import FRAMES
from gsf.provenance.hashing import sha256_bytes
from gsf.site.study import StudyData


@dataclass(frozen=True)
class Strip:
    """The frames of one video: a row of its class's sheet."""

    file: str  # place of the sheet in the site
    top: int  # px
    width: int
    height: int
    sheet: int  # px, height of the whole sheet
    frames: tuple[int, ...]


@dataclass(frozen=True)
class FrameSheets:
    """The sheets of one benchmark; none, and why, where they cannot be shown."""

    strips: Mapping[str, Strip] = field(default_factory=dict)  # by video
    files: Mapping[str, bytes] = field(default_factory=dict)  # by place in the site
    problem: str = ""


def frame_sheets(project: Project, study: StudyData, benchmark: str) -> FrameSheets:
    """The sheets of a benchmark that the pipeline renders."""
    info = study.benchmarks[benchmark]
    if not info.rendered:
        return FrameSheets(problem="frames of these videos are not shown: they have terms of their own")
    path = project.results(study.name) / "frames" / slug(benchmark) / FRAMES
    if not path.is_file():
        return FrameSheets(problem=f"no pictures of frames are here: `gsf frames {study.name}` draws them")
    again = f"`gsf frames {study.name}` draws them again"
    try:
        index = json.loads(path.read_bytes())
        receipts = [index["manifest"], *index["shards"].values()]
        if any(digest not in study.chain.receipts for digest in receipts):
            return FrameSheets(problem=f"the pictures of frames are of other shards: {again}")
        width, height, gap, columns = (int(index[key]) for key in ("width", "height", "gap", "columns"))
        strips, files = {}, {}
        for sheet in index["sheets"]:
            file = path.parent / Path(str(sheet["file"])).name
            data = file.read_bytes()
            if sha256_bytes(data) != sheet["sha256"]:
                return FrameSheets(problem=f"{file.name} is not the picture that was drawn: {again}")
            place = f"pictures/{slug(study.name)}/frames/{slug(benchmark)}/{file.name}"
            files[place] = data
            size = (columns * (width + gap) - gap, height, len(sheet["videos"]) * (height + gap) - gap)
            for row, video in enumerate(sheet["videos"]):
                frames = tuple(int(frame) for frame in video["frames"])
                strips[str(video["id"])] = Strip(place, row * (height + gap), *size, frames)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return FrameSheets(problem=f"frames.json is damaged: {again}")
    return FrameSheets(strips, files)
