"""`gsf init --published`: a benchmark file and a study for one of the benchmarks that we know by name."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from gsf.data.columns import INVENTORY
from gsf.data.init.additions import Additions, renew
from gsf.data.init.common import PlannedFile, planned_shards, shown_folder, write_all
from gsf.data.init.published_files import published_benchmark_yaml, published_study_yaml
from gsf.data.init.published_summary import PublishedSummary, rows_of_class
from gsf.data.listing import scan
from gsf.data.published.annotate import Annotated, annotate, summary
from gsf.data.published.formats import BENCHMARKS, choose, roles
from gsf.data.remedies import remedied
from gsf.errors import DataError, ParamsError
from gsf.params.base import load, validate
from gsf.params.benchmark import Benchmark, Format, Published, Target
from gsf.project import Project, check_name
from gsf.provenance.hashing import sha256_file
from gsf.store.plan import read_additions
from gsf.tables import read_columns


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
        shards: LMDB files; by the number of rows unless given.

    Raises:
        DataError: a file is missing, is not what was published, or breaks its format; names file and line or item.
    """
    check_name(name, what="benchmark")
    benchmark_file, study_file = project.params_file("benchmarks", name), project.params_file("studies", name)
    where = project.relative(benchmark_file)
    root, folder = _folder(videos, "the videos"), _folder(annotations, "the published files")
    existing = load(Benchmark, benchmark_file) if benchmark_file.exists() else None
    with remedied(folder, format):
        if existing is not None:
            pinned = _published_before(project, existing, root, folder, format=format, split=split, target=target)
        else:
            pinned = _pinned(project, folder, format=format, split=split, target=target)
    benchmark = BENCHMARKS[format]
    listed = _listed(root, benchmark.source)  # its errors are of videos, which may lie below the published files
    with remedied(folder, format):
        found = annotate(pinned, folder, listed=listed, where=f"{where}, videos in {root}")
    facts = summary(found, format=format)
    text = published_benchmark_yaml(
        name,
        pinned,
        videos=shown_folder(project, root),
        shards=shards_of(found) if shards is None else shards,
        flip_pairs=found.flip_pairs,
        order=facts["class_order"],
    )
    asked = validate(Benchmark, yaml.safe_load(text), where=where)
    texts = {benchmark_file: text, study_file: published_study_yaml(name, format)}
    additions, notes = (None, ()) if existing is None else _additions(project, existing, found)
    if existing is not None and shards is not None:
        notes = (*notes, f"{where} was kept: edit it to change shards")
    files = [PlannedFile(path, text.encode("utf-8")) for path, text in texts.items() if not path.exists()]
    files += additions.files(project, benchmark_file) if additions is not None else ()
    write_all(files)

    written = {item.path: None for item in files}
    return PublishedSummary(
        name=name,
        title=benchmark.title,
        facts=facts,
        rows_of_class=rows_of_class(found),
        on_missing=(existing or asked).on_missing,
        missing=found.places.missing,
        missing_rows=len(found.missing_rows()),
        videos=len(found.places.paths),
        files=tuple(project.relative(path) for path in written),
        kept=tuple(project.relative(path) for path in texts if path not in written),
        notes=notes,
    )


def shards_of(found: Annotated) -> int:
    """How many shards a new benchmark gets."""
    return planned_shards(rows=len(found.reading.rows), videos=len(found.places.paths))


def _folder(path: Path, what: str) -> Path:
    root = Path(os.path.abspath(path))  # noqa: PTH100  (links stay: the folder keeps the name that the user gave)
    if not root.is_dir():
        raise DataError(f"{path}: no such folder, must hold {what}; see docs/benchmarks.md")
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
    return additions, () if additions is None else additions.notes


def _listed(root: Path, source: str) -> list[str]:
    """The videos that are there: files with the suffix of a video, or folders of frames."""
    return [item.path for item in scan(root, folders=source == "jpeg_folders")]
