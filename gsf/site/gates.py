"""The gate pictures of a study, as `gsf gates` left them: checked against its receipts before they are shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gsf.names import slug
from gsf.project import Project
from gsf.proof.drawn import GATES
from gsf.provenance.hashing import sha256_bytes
from gsf.site.study import StudyData

FORMAT = 2  # of gates.json
TOP = 2  # rows above those of the layers: frames, evidence


@dataclass(frozen=True)
class GatePictures:
    """One run's pictures; `problem` says why they are not shown."""

    run: str
    index: Mapping[str, Any]
    files: Mapping[str, bytes]  # by place in the site
    problem: str

    @property
    def folder(self) -> str:
        return f"pictures/{slug(str(self.index.get('study', '')))}/gates/{slug(self.run)}"

    @property
    def step(self) -> int:
        """px from one row, or column, of a picture to the next."""
        return int(self.index["cell"]) + int(self.index["gap"])

    @property
    def bands(self) -> list[tuple[int, int]]:
        """First row and number of rows: of the frames with their evidence, then of each layer."""
        found = [(0, TOP)]
        for layer in self.index["layers"]:
            found.append((sum(found[-1]), len(layer["rows"])))
        return found


def gate_pictures(project: Project, study: StudyData) -> Iterator[GatePictures]:
    """The pictures of every run that has some."""
    for path in sorted((project.results(study.name) / "gates").glob(f"*/{GATES}")):
        yield _read(path, study)


def _read(path: Path, study: StudyData) -> GatePictures:
    try:
        index = json.loads(path.read_bytes())
        if index["format"] != FORMAT:
            return GatePictures(path.parent.name, {}, {}, "they are of another version of gsf: draw them again")
        run, named = str(index["run"]), str(index["study"])
        receipts = [index["receipt"], index["manifest"], *index["shards"].values()]
        pictures = {str(clip["file"]): str(clip["sha256"]) for clip in index["clips"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return GatePictures(path.parent.name, {}, {}, "their gates.json is damaged: draw them again")
    if named != study.name:
        return GatePictures(run, index, {}, f"they are of another study, {named}")
    if any(digest not in study.chain.receipts for digest in receipts):
        return GatePictures(run, index, {}, "they are of another training or other shards: draw them again")
    found = GatePictures(run, index, {}, "")
    files = {}
    for name, promised in pictures.items():
        file = path.parent / Path(name).name
        data = file.read_bytes() if file.is_file() else b""
        if sha256_bytes(data) != promised:
            return GatePictures(run, index, {}, f"{file.name} is not the picture that was drawn: draw them again")
        files[f"{found.folder}/{file.name}"] = data
    return GatePictures(run, index, files, "")
