"""`gsf frames`: a few frames of every test video, one sheet a class, so that pages can show what a number rests on."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from gsf.data.inputs import split_of, stored_shards
from gsf.data.lists import read_manifest
from gsf.data.sampling import segment_centres
from gsf.data.videos import Videos
from gsf.errors import DataError
from gsf.project import Project
from gsf.proof.drawn import FRAMES
from gsf.provenance.hashing import sha256_bytes, write_atomically
from gsf.provenance.receipt import linked_inputs, read_receipt
from gsf.site.showing import benchmarks_of, drawn_before, may_show, picture_folder

SPLIT = "test"
COLUMNS = 4  # frames of a video
WIDTH, HEIGHT, GAP = 64, 48, 2  # px
_QUALITY = 60  # of WebP
_PAPER = (24, 24, 24)


def draw_frames(project: Project, study: str, *, to: Path | None = None) -> str:
    """Draw the sheets of each benchmark that may be shown, and `frames.json`, which says what they show.

    Raises:
        ParamsError: the study has no benchmark that may be shown there.
        ProvenanceError: a shard is not what its receipt says.
    """
    benchmarks = benchmarks_of(project, study)
    if to is None and any(may_show(project, name) for name in benchmarks):
        benchmarks = [name for name in benchmarks if may_show(project, name)]
    said = []
    for benchmark in benchmarks:
        folder = picture_folder(project, study, "frames", benchmark, to=to) / benchmark
        index = _draw(project, benchmark, folder, own=to is None)
        count = sum(len(sheet["videos"]) for sheet in index["sheets"])
        said.append(f"{folder}: {COLUMNS} frames of {count} {SPLIT} videos, {len(index['sheets'])} sheets")
    return "\n".join(said)


def _draw(project: Project, benchmark: str, folder: Path, *, own: bool) -> dict[str, Any]:
    manifest = read_manifest(project, benchmark)
    split = split_of(manifest, SPLIT)
    if not len(split):
        raise DataError(f"{benchmark}: the manifest has no video in the split {SPLIT!r}, must have one to show")
    shards = stored_shards(project, benchmark, manifest)
    receipts = {}
    for shard, path in shards.items():
        place = project.extract_receipt(benchmark, shard)
        linked_inputs(project, place, [path])  # the frames are those that were extracted
        receipts[shard] = read_receipt(place).digest
    videos = Videos(split, shards)
    rows: dict[int, list[int]] = {}
    for row, label in enumerate(split.labels):
        rows.setdefault(label, []).append(row)
    earlier = drawn_before(folder, "frames", own=own)
    sheets, files = [], set()
    for label in sorted(rows):
        data, shown = _sheet(videos, rows[label])
        name = f"{label:03d}.webp"
        write_atomically(folder / name, data)
        files.add(name)
        sheets.append({"class": manifest.classes[label], "file": name, "sha256": sha256_bytes(data), "videos": shown})
    index = {
        "format": 1,
        "benchmark": benchmark,
        "split": SPLIT,
        "columns": COLUMNS,
        "width": WIDTH,
        "height": HEIGHT,
        "gap": GAP,
        "manifest": read_receipt(project.manifest_receipt(benchmark)).digest,
        "shards": receipts,
        "sheets": sheets,
    }
    write_atomically(folder / FRAMES, _readable(index))
    for name in earlier - files:
        (folder / name).unlink()
    return index


def _sheet(videos: Videos, rows: Sequence[int]) -> tuple[bytes, list[dict[str, Any]]]:
    """A row of frames a video, and which these are."""
    size = (COLUMNS * (WIDTH + GAP) - GAP, len(rows) * (HEIGHT + GAP) - GAP)
    sheet = Image.new("RGB", size, _PAPER)
    shown = []
    for line, row in enumerate(rows):
        wanted = [int(frame) for frame in segment_centres(videos.split.frames[row], COLUMNS)]
        for column, frame in enumerate(videos.decode(row, wanted)):
            picture = Image.fromarray(frame.permute(1, 2, 0).contiguous().numpy())
            picture.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
            left = column * (WIDTH + GAP) + (WIDTH - picture.width) // 2
            sheet.paste(picture, (left, line * (HEIGHT + GAP) + (HEIGHT - picture.height) // 2))
        shown.append({"id": videos.split.ids[row], "shard": videos.split.shards[row], "frames": wanted})
    data = io.BytesIO()
    sheet.save(data, "WEBP", quality=_QUALITY, method=6)
    return data.getvalue(), shown


def _readable(index: dict[str, Any]) -> bytes:
    """JSON with a line a sheet, so that git shows what changed."""
    head = json.dumps({key: value for key, value in index.items() if key != "sheets"}, ensure_ascii=False)
    lines = ",\n ".join(json.dumps(sheet, ensure_ascii=False) for sheet in index["sheets"])
    return f'{head[:-1]}, "sheets": [\n {lines}\n]}}\n'.encode()
