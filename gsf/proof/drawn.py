"""The pictures that `gsf frames` and `gsf gates` put beside a study's results, against the index that each left.

No receipt lists them, because no number rests on them: an index holds the sha256 of its pictures, and names the
receipts of what they show.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gsf.errors import ProvenanceError
from gsf.project import Project
from gsf.proof.chain import Chain
from gsf.proof.findings import Finding
from gsf.provenance.hashing import sha256_file

Kind = Literal["frames", "gates"]
FRAMES, GATES = "frames.json", "gates.json"
# By folder of the results: the file in each of its folders that lists the pictures there, and the key of its list.
_INDEXES: dict[Kind, tuple[str, str]] = {"frames": (FRAMES, "sheets"), "gates": (GATES, "clips")}


@dataclass(frozen=True)
class _Index:
    """What an index says."""

    pictures: dict[str, str]  # sha256 by name of the file
    receipts: frozenset[str]


def check_drawn(project: Project, study: str, not_proven: list[str], chain: Chain) -> Iterator[Finding]:
    """Each picture is the one that its index lists, and nothing else lies there.

    What pictures show is proven by nothing, which is added to `not_proven`; so are those of other receipts than the
    study's, which were drawn of earlier results.
    """
    for kind, (name, _) in _INDEXES.items():
        top = project.results(study) / kind
        if not top.is_dir():
            continue
        own = project.relative(top)
        again = f"`gsf {kind} {study}`"
        remedy = f"restore {own} from git, or draw its pictures again: {again}"
        not_proven.append(f"what the pictures in {own} show: they are compared with the {name} beside them alone")
        known: set[Path] = set()
        for folder in sorted(path for path in top.iterdir() if path.is_dir()):
            place = folder / name
            link = project.relative(place)
            if not place.is_file():
                continue  # what lies there is listed by nothing
            known.add(place)
            try:
                index = _read(place, kind)
            except ProvenanceError as error:
                known.update(folder.rglob("*"))
                yield Finding("broken", link, str(error), remedy)
                continue
            known.update(folder / picture for picture in index.pictures)
            yield from _check_pictures(project, folder, index, name=name, remedy=remedy)
            if not index.receipts <= chain.receipts.keys():
                what = f"{project.relative(folder)} is of other receipts than these results"
                not_proven.append(f"that pictures are of what was measured: {what}, {again} draws it anew")
        for file in sorted(top.rglob("*")):
            if file.is_file() and file not in known:
                yield Finding("broken", project.relative(file), f"no {name} lists it", remedy)


def listed_pictures(place: Path, kind: Kind) -> dict[str, str]:
    """sha256 by name of the pictures that an index lists; none where there is none, or it cannot be read."""
    try:
        return _read(place, kind).pictures
    except ProvenanceError:
        return {}


def _check_pictures(project: Project, folder: Path, index: _Index, *, name: str, remedy: str) -> Iterator[Finding]:
    for picture, promised in index.pictures.items():
        file = folder / picture
        if not file.is_file():
            yield Finding("broken", project.relative(file), f"is missing, {name} lists it", remedy)
        elif (found := sha256_file(file)) != promised:
            what = f"has sha256 {found[:12]}, {name} says {promised[:12]}"
            yield Finding("broken", project.relative(file), what, remedy)


def _read(path: Path, kind: Kind) -> _Index:
    """What an index says; ProvenanceError where it is none."""
    try:
        content = json.loads(path.read_bytes())
        listed = content[_INDEXES[kind][1]]
        pictures = {str(item["file"]): str(item["sha256"]) for item in listed}
        made = [content["receipt"]] if kind == "gates" else []  # of the network
        receipts = frozenset(map(str, (*made, content["manifest"], *content["shards"].values())))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProvenanceError(f"cannot be read, must list the pictures beside it: {error}") from None
    if any(Path(name).name != name for name in pictures):
        raise ProvenanceError("lists files elsewhere, must list those beside it")
    return _Index(pictures, receipts)
