"""What an earlier `gsf init` for the same videos, or a person, has written: it is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gsf.data.annotations import Annotation, read_annotations
from gsf.data.columns import Split
from gsf.data.init.sources import LABELS_FILE, Kind, Labelled, Source
from gsf.errors import DataError, ParamsError
from gsf.params.benchmark import Benchmark
from gsf.project import Project


@dataclass(frozen=True)
class Earlier:
    """The benchmark and its annotations so far."""

    benchmark: Benchmark | None
    rows: tuple[Annotation, ...]
    is_annotated: bool  # whether there is a file of annotations

    @cached_property
    def splits(self) -> Mapping[str, Split]:
        """By id."""
        return {row.id: row.split for row in self.rows}

    @cached_property
    def splits_of_path(self) -> Mapping[str, frozenset[Split]]:
        """Those of the rows of each video."""
        found: dict[str, set[Split]] = defaultdict(set)
        for row in self.rows:
            found[row.path].add(row.split)
        return {path: frozenset(splits) for path, splits in found.items()}

    def split_of(self, row: Labelled) -> Split | None:
        """By id, or that of its path: a whole video keeps its split where the column `id` came later, or changed."""
        split = self.splits.get(row.id)
        if split is None and not row.is_segment:
            of_path = self.splits_of_path.get(row.path, frozenset())
            split = next(iter(of_path)) if len(of_path) == 1 else None
        return split


def kind_of(where: str, existing: Benchmark | None, asked: Kind | None) -> Kind:
    """What a video is: as asked for, which an existing benchmark must not contradict."""
    if existing is None:
        return asked or "videos"
    if asked is not None and asked != existing.source:
        raise ParamsError(f"{where}: source is {existing.source}, must be {asked} for this call; choose another name")
    return existing.source


def read_earlier(project: Project, file: Path, existing: Benchmark | None, source: Source) -> Earlier:
    """The earlier call for this folder; DataError where there is one for another, or where rows would lose a column.

    Args:
        project: where the files are.
        file: of the benchmark.
        existing: what it holds; None where there is no such file.
        source: the videos of this call.
    """
    annotations = file.with_suffix(".csv")
    if existing is not None:
        _check_same(project, file, existing, source)
    if not annotations.exists():
        return Earlier(existing, (), is_annotated=False)
    if existing is None:
        raise DataError(
            f"{project.relative(annotations)}: is there already, without a benchmark file; move or remove it"
        )
    rows = tuple(read_annotations(annotations))
    lost = [name for name in _columns(rows) if name not in source.columns]
    if lost:
        table = source.labels or source.root / LABELS_FILE
        raise DataError(
            f"{project.relative(annotations)}: has {', '.join(lost)}, which the {source.origin} of the videos have not,"
            f" must stay; write all rows, with these columns, into {table} and call gsf init again"
        )
    return Earlier(existing, rows, is_annotated=True)


def _check_same(project: Project, file: Path, existing: Benchmark, source: Source) -> None:
    folder = project.root / existing.videos
    if existing.render is not None or folder.resolve() != source.root.resolve():
        raise DataError(
            f"{project.relative(file)}: is there already, for the videos in {existing.videos};"
            " choose another name, or remove the file"
        )
    wanted = project.relative(file.with_suffix(".csv"))
    if existing.annotations != wanted:
        raise DataError(
            f"{project.relative(file)}: annotations is {existing.annotations}, must be {wanted} for gsf init to renew"
            " it; add the new videos there yourself"
        )


def _columns(rows: tuple[Annotation, ...]) -> Iterator[str]:
    """The further columns in which something is said."""
    if any(row.id != row.path for row in rows):
        yield "id"
    if any(row.start_frame is not None for row in rows):
        yield "start_frame"
    if any(row.fps is not None for row in rows):
        yield "fps"
    if any(row.sha256 is not None for row in rows):
        yield "sha256"
