"""A benchmark as Croissant 1.0: JSON-LD that data set search and loaders read.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html. The records are read from Parquet, not from the manifest
itself: CSV has no types and readers guess, so that shard `01` would become the number 1.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from gsf.data.columns import INVENTORY, MANIFEST
from gsf.exchange.about import About, read_about
from gsf.exchange.croissant_terms import (
    CONFORMS_TO,
    CONTEXT,
    SPLIT_TYPES,
    Entity,
    data_records,
    file_object,
    table_records,
)
from gsf.exchange.listed import Listed, find_lists
from gsf.exchange.writing import check_new_folder, write_folder
from gsf.project import Project
from gsf.provenance.hashing import sha256_bytes
from gsf.tables import read_columns

METADATA = "croissant.json"
_NUMBERS = ("class_index", "start", "frames")
_VIDEO_NUMBERS = ("bytes", "frames", "width", "height")  # of the inventory; empty where a video is missing
_VIDEO_COLUMNS = (
    "id",
    "path",
    "label",
    "split",
    "shard",
    "bytes",
    "sha256",
    "frames",
    "fps",
    "width",
    "height",
    "codec",
    "problem",
)


@dataclass(frozen=True)
class Croissant:
    """A description that was written."""

    path: Path
    records: int
    shards: int
    unknown: tuple[str, ...]  # what is not stated anywhere

    def to_text(self) -> str:
        """What it holds, for people."""
        text = f"{self.path}: {self.records} records; {self.shards} shards by their sha256, not copied"
        return text + (f"\nnot stated, so left out: {', '.join(self.unknown)}" if self.unknown else "")


def export_croissant(project: Project, benchmark: str, to: Path) -> Croissant:
    """Write the description of a benchmark and the lists that it describes; the shards are named, not copied.

    Args:
        project: the project; the lists must be in `data/`, or in the results of a study.
        benchmark: its name.
        to: a new or empty folder.

    Raises:
        ParamsError: `to` cannot be written, or `params/about` breaks its schema.
        DataError: the lists are not here.
        ProvenanceError: the lists are not what their receipts say.
    """
    check_new_folder(to)
    files, written = croissant_files(project, benchmark)
    write_folder(to, files)
    return replace(written, path=to / METADATA)


def croissant_files(project: Project, benchmark: str) -> tuple[dict[str, bytes], Croissant]:
    """The files of a description, by name; errors as of `export_croissant`."""
    listed = find_lists(project, benchmark)
    about = read_about(project, benchmark)
    manifest = read_columns(listed.manifest, MANIFEST, numbers=_NUMBERS)
    inventory = _numbers(read_columns(listed.inventory, INVENTORY).select(_VIDEO_COLUMNS), _VIDEO_NUMBERS)
    info = json.loads(listed.info.read_bytes())
    files = {
        "manifest.csv": listed.manifest.read_bytes(),
        "manifest.json": listed.info.read_bytes(),
        "manifest.parquet": _parquet(manifest),
        "inventory.csv": listed.inventory.read_bytes(),
        "inventory.parquet": _parquet(inventory),
    }
    stated = _stated(about)
    content = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": benchmark,
        "description": _description(about, info, listed, unknown=[name for name, value in stated.items() if not value]),
        **{name: value for name, value in stated.items() if value},
        "distribution": [*_files(files), *_shards(listed)],
        "recordSet": _record_sets(manifest, inventory, info["classes"]),
    }
    metadata = (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
    unknown = tuple(name for name, value in stated.items() if not value)
    written = Croissant(Path(METADATA), records=len(manifest), shards=len(listed.shards), unknown=unknown)
    return {METADATA: metadata, **files}, written


def _stated(about: About) -> dict[str, Any]:
    """What `params/about` says, by Croissant's names; empty where it says nothing."""
    kinds = {"person": "sc:Person", "organization": "sc:Organization"}
    return {
        "license": about.licence,
        "url": about.url,
        "citeAs": about.citation,
        "creator": [{"@type": kinds[creator.kind], "name": creator.name} for creator in about.creators],
        "datePublished": about.published.isoformat() if about.published else None,
        "version": about.version,
    }


def _description(about: About, info: Mapping[str, Any], listed: Listed, *, unknown: Sequence[str]) -> str:
    counts = ", ".join(f"{number} {split}" for split, number in info["counts"].items())
    text = [
        *([about.description.strip()] if about.description else []),
        f"Videos of {len(info['classes'])} actions ({counts}; {info['excluded_count']} excluded, listed in"
        " manifest.json with the reason). One record a video or segment; its frames are JPEG images in an LMDB file,"
        f" the shard, under the key `video`. Receipt of the manifest: sha256 {listed.receipt.digest}.",
        *([f"Not stated: {', '.join(unknown)}."] if unknown else []),
    ]
    return " ".join(text)


def _files(files: Mapping[str, bytes]) -> Iterable[Entity]:
    described = {
        "manifest.csv": ("text/csv", "The lists that training and evaluation read, as the pipeline wrote them."),
        "manifest.json": ("application/json", "Classes in their order, pairs, counts, and what was excluded and why."),
        "manifest.parquet": ("application/x-parquet", "The rows of manifest.csv, with types."),
        "inventory.csv": ("text/csv", "Every annotated video with its sha256 and what a probe found."),
        "inventory.parquet": ("application/x-parquet", "Rows of inventory.csv, with types."),
    }
    for name, data in files.items():
        kind, text = described[name]
        yield file_object(name, encoding=kind, description=text, sha256=sha256_bytes(data), size=len(data))


def _shards(listed: Listed) -> Iterable[Entity]:
    text = "Frames of videos (LMDB). Not in this folder: its place once it is brought here."
    for shard, digest in sorted(listed.shards.items()):
        yield file_object(f"shards/{shard}.lmdb", encoding="application/octet-stream", description=text, sha256=digest)


def _record_sets(manifest: pa.Table, inventory: pa.Table, classes: Sequence[str]) -> list[Entity]:
    used = set(manifest["split"].unique().to_pylist())
    splits = [{"name": name, "url": kind} for name, kind in SPLIT_TYPES.items() if name in used]
    labels = [{"name": name, "class_index": index} for index, name in enumerate(classes)]
    return [
        data_records("splits", splits, types={"name": "sc:Text", "url": "sc:URL"}, kind="cr:Split"),
        data_records("labels", labels, types={"name": "sc:Text", "class_index": "sc:Integer"}, kind="sc:Enumeration"),
        table_records(
            "clips",
            "What the loaders read: a video, or a segment of one, and the split and class that it has.",
            file="manifest.parquet",
            types=_types(manifest),
            key="id",
            references={"split": "splits/name", "label": "labels/name"},
        ),
        table_records(
            "videos",
            "Every annotation and its video, also what was excluded later.",
            file="inventory.parquet",
            types=_types(inventory),
            key="id",
            references={},
        ),
    ]


def _types(table: pa.Table) -> dict[str, str]:
    return {field.name: "sc:Integer" if pa.types.is_integer(field.type) else "sc:Text" for field in table.schema}


def _numbers(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Text columns as integers; empty text becomes null."""
    for name in names:
        values = [int(text) if text else None for text in table[name].to_pylist()]
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values, pa.int64()))
    return table


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(table.combine_chunks(), buffer, compression="none", write_statistics=False)
    return buffer.getvalue()
