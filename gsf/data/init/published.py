"""`gsf init --published`: a benchmark file and a study for one of the benchmarks that we know by name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gsf.data.annotations import SHOWN
from gsf.data.columns import INVENTORY, SPLITS
from gsf.data.init.additions import Additions, renew
from gsf.data.init.own import planned_shards, shown_folder
from gsf.data.init.published_files import published_benchmark_yaml, published_study_yaml
from gsf.data.listing import scan
from gsf.data.published.annotate import Annotated, annotate, summary
from gsf.data.published.formats import BENCHMARKS, choose, roles
from gsf.errors import DataError, ParamsError
from gsf.params.base import load, validate
from gsf.params.benchmark import Benchmark, Format, Published, Target
from gsf.project import Project, check_name
from gsf.provenance.hashing import sha256_file, write_atomically
from gsf.store.plan import read_additions
from gsf.tables import read_columns


@dataclass(frozen=True)
class PublishedSummary:
    """What `init_published` found and wrote; `str()` is what the command line prints."""

    name: str
    title: str
    facts: dict[str, Any]  # as in summary.json
    rows_of_class: dict[str, int]  # training rows by class
    on_missing: str
    missing: tuple[str, ...]  # published paths of videos that are not there
    missing_rows: int
    videos: int  # that the annotations name
    files: tuple[str, ...]  # written, relative to the project
    kept: tuple[str, ...]  # there before, left as they were
    added: tuple[str, ...]  # on videos that the inventory did not find, and that are there now

    def __str__(self) -> str:
        facts = self.facts
        lines = [
            f"{self.title}: {facts['version']}",
            *_published_lines(facts),
            "ours: " + ", ".join(f"{split} {facts['splits'][split]}" for split in SPLITS) + f"; {facts['split_rule']}",
            *_class_lines(facts, self.rows_of_class),
            f"a horizontal flip: {facts['flip']}; {facts['flip_reason']}",
            *(f"  {one} <-> {other}" for one, other in facts["flip_pairs"]),
            *_missing_lines(self),
            *(f"note: {note}" for note in (*facts["notes"], *self.added)),
            *(f"metrics apart, {rule}" for rule in facts["subset_rules"]),
            *(f"wrote {name}" for name in self.files),
            *(f"kept  {name}" for name in self.kept),
            f"next: look at params/benchmarks/{self.name}.yaml, then: gsf study {self.name} && dvc repro",
        ]
        return "\n".join(lines)


def init_published(
    project: Project,
    name: str,
    videos: Path,
    *,
    format: Format,
    annotations: Path,
    split: int | None = None,
    target: Target | None = None,
    shards: int | None = None,
) -> PublishedSummary:
    """Write a benchmark and a study for published annotations, after reading all of them.

    Called again it leaves both files alone and reads what they say. Videos that the inventory did not find, and that
    are there now, become a batch of additions.

    Args:
        project: where to write.
        name: of the benchmark and of the study.
        videos: folder of the videos, or for frames published as images that of their folders.
        format: which benchmark.
        annotations: folder of the published files.
        split: which of UCF101's three; 1 unless given.
        target: what the label of EPIC-KITCHENS-100 is; action unless given.
        shards: LMDB files; by the number of videos unless given.

    Raises:
        DataError: a file is missing, is not what was published, or breaks its format; names file and line or item.
    """
    check_name(name, what="benchmark")
    benchmark_file, study_file = project.params_file("benchmarks", name), project.params_file("studies", name)
    where = project.relative(benchmark_file)
    root, folder = _folder(videos, "the videos"), _folder(annotations, "the published files")
    existing = load(Benchmark, benchmark_file) if benchmark_file.exists() else None
    if existing is not None:
        published = _published_before(project, existing, root, folder, format=format, split=split, target=target)
    else:
        published = _pinned(project, folder, format=format, split=split, target=target)

    benchmark = BENCHMARKS[format]
    found = annotate(published, folder, listed=_listed(root, benchmark.source), where=f"{where}, videos in {root}")
    facts = summary(found, format=format)
    texts = {
        benchmark_file: published_benchmark_yaml(
            name,
            published,
            videos=shown_folder(project, root),
            shards=planned_shards(len(found.places.paths)) if shards is None else shards,
            flip_pairs=found.flip_pairs,
            order=facts["class_order"],
        ),
        study_file: published_study_yaml(name, format),
    }
    written = [path for path in texts if not path.exists()]
    validate(Benchmark, yaml.safe_load(texts[benchmark_file]), where=where)
    kept = [path for path in texts if path not in written]
    additions, added = (None, ()) if existing is None else _additions(project, existing, found)
    for path in written:
        write_atomically(path, texts[path].encode("utf-8"))
    if additions is not None:
        additions.write(benchmark_file, project)
        written.append(additions.path)
    return PublishedSummary(
        name=name,
        title=benchmark.title,
        facts=facts,
        rows_of_class=_rows_of_class(found),
        on_missing=load(Benchmark, benchmark_file).on_missing,
        missing=found.places.missing,
        missing_rows=len(found.missing_rows()),
        videos=len(found.places.paths),
        files=tuple(project.relative(path) for path in written),
        kept=tuple(project.relative(path) for path in kept),
        added=added,
    )


def _folder(path: Path, what: str) -> Path:
    root = Path(os.path.abspath(path))  # noqa: PTH100  (links stay: the folder keeps the name that the user gave)
    if not root.is_dir():
        raise DataError(f"{path}: no such folder, must hold {what}")
    return root


def _pinned(project: Project, folder: Path, *, format: Format, split: int | None, target: Target | None) -> Published:
    """What the benchmark file is to say of the published files: those that are there, as they are now."""
    which = (split or 1) if format == "ucf101" else split
    names = choose(roles(format, split=which), {path.name for path in folder.iterdir()}, folder=folder)
    values = {
        "format": format,
        "files": shown_folder(project, folder),
        "sha256": {name: sha256_file(folder / name) for name in names.values()},
        "split": which,
        "target": (target or "action") if format == "epic100" else target,
    }
    return validate(Published, values, where=f"gsf init --published {format}")


def _published_before(
    project: Project,
    existing: Benchmark,
    root: Path,
    folder: Path,
    *,
    format: Format,
    split: int | None,
    target: Target | None,
) -> Published:
    """What an earlier call wrote, where it was for the same benchmark and folders."""
    before = existing.published
    where = f"params/benchmarks/{existing.name}.yaml"
    if before is None or before.format != format:
        raise DataError(f"{where}: is there already, and not for {format}; choose another name, or remove the file")
    for key, said, given in (("videos", existing.videos, root), ("published.files", before.files, folder)):
        if (project.root / said).resolve() != given.resolve():
            raise DataError(f"{where}: is there already with {key}: {said}; choose another name, or edit that")
    for key, was, asked in (("split", before.split, split), ("target", before.target, target)):
        if asked is not None and was != asked:
            raise ParamsError(f"{where}: published.{key} is {was}, must be {asked} for this call; choose another name")
    return before


def _additions(project: Project, existing: Benchmark, found: Annotated) -> tuple[Additions | None, tuple[str, ...]]:
    """The additions once the videos are those that are there now, and what to say of them.

    A video is known by the name of its rows: one that was moved to another folder is not new. Where no fewer are new
    than are known, as when most of a download comes later, they are spread like the first ones: the frames that are
    copied for it are no more than those that are decoded, and no one shard holds most of the videos.
    """
    inventory = project.inventory(existing.name)
    if not inventory.is_file():
        return None, (f"{project.relative(inventory)} is not there yet, so no video counts as added later",)
    table = read_columns(inventory, INVENTORY, only=["id", "sha256"])
    columns = (table[name].to_pylist() for name in ("id", "sha256"))
    seen = {row for row, sha256 in zip(*columns, strict=True) if sha256}
    paths = found.places.paths
    now = set(paths.values()) - {paths[name] for name in found.places.missing}
    known = {paths[row.path] for row in found.reading.rows if row.id in seen}
    if existing.additions is not None:
        known |= read_additions(project.root / existing.additions).keys()
    known &= now
    new = len(now - known)
    if new and new >= len(known):
        note = f"{new} new videos are no fewer than the {len(known)} so far, so they are spread over all shards"
        return renew(project, existing, now, now), (note,)
    additions = renew(project, existing, known, now)
    return additions, () if additions is None or additions.note is None else (additions.note,)


def _listed(root: Path, source: str) -> list[str]:
    """The videos that are there: files with the suffix of a video, or folders of frames."""
    return [item.path for item in scan(root, folders=source == "jpeg_folders")]


def _rows_of_class(found: Annotated) -> dict[str, int]:
    counts = dict.fromkeys((item.name for item in found.reading.classes), 0)
    names = [item.name for item in found.reading.classes]
    for row in found.reading.rows:
        if found.splits[row.id] == "train":
            counts[names[row.label]] += 1
    return counts


def _published_lines(facts: dict[str, Any]) -> list[str]:
    lines = []
    for part, counts in facts["published_splits"].items():
        against = "no fixed number was published" if counts["published"] is None else f"{counts['published']} published"
        off = f", {counts['difference']:+}" if counts["difference"] else ""
        lines.append(f"{part:5} {counts['read']:8} rows, {against}{off}")
    lines += [f"left out: {item['rows']} of {item['part']}, {item['reason']}" for item in facts["left_out"]]
    return lines


def _class_lines(facts: dict[str, Any], rows: dict[str, int]) -> list[str]:
    ordered = sorted(rows, key=lambda name: (rows[name], name))
    few, many = ordered[:3], ordered[: -4 if len(ordered) > 6 else -1 : -1]
    empty = facts["classes_without_training"]
    return [
        f"classes: {facts['classes']}, {facts['classes_published']} published; order: {facts['class_order']}",
        f"  fewest training rows: {_counted(few, rows)}; most: {_counted(many, rows)}",
        *([f"  without a training row: {len(empty)}, such as {', '.join(empty[:3])}"] if empty else []),
    ]


def _counted(names: Sequence[str], rows: dict[str, int]) -> str:
    return ", ".join(f"{name} {rows[name]}" for name in names)


def _missing_lines(summary: PublishedSummary) -> list[str]:
    if not summary.missing:
        return [f"videos: all {summary.videos} are there"]
    more = len(summary.missing) - SHOWN
    meaning = (
        "on_missing: exclude, so they are left out and listed in the manifest"
        if summary.on_missing == "exclude"
        else "on_missing: stop, so the inventory will not begin; exclude leaves them out and lists them"
    )
    return [
        f"videos: {len(summary.missing)} of {summary.videos} are not there ({summary.missing_rows} rows); {meaning}",
        *(f"  {name}" for name in summary.missing[:SHOWN]),
        *([f"  and {more} more"] if more > 0 else []),
    ]
