"""Pictures beside a study's results, as `gsf frames` and `gsf gates` leave them, without what draws them."""

from __future__ import annotations

import io
import json
from pathlib import Path

from PIL import Image

from gsf.project import Project
from gsf.proof.drawn import FRAMES, GATES
from gsf.provenance.hashing import sha256_bytes
from gsf.provenance.receipt import read_receipt

STUDY, BENCHMARK, RUN = "demo", "arrow", "gsf-s0"


def draw(project: Project) -> tuple[Path, Path]:
    """Two sheets of frames and two pictures of gates with their indexes; returns the two folders."""
    shards = {shard: read_receipt(project.extract_receipt(BENCHMARK, shard)).digest for shard in ("00", "01")}
    made = {"manifest": read_receipt(project.manifest_receipt(BENCHMARK)).digest, "shards": shards}
    frames = project.results(STUDY) / "frames" / BENCHMARK
    _write(frames, FRAMES, {"format": 1, **made}, "sheets", ("000.webp", "001.webp"))
    gates = project.results(STUDY) / "gates" / RUN
    head = {"format": 2, "receipt": read_receipt(project.train_receipt(STUDY, RUN)).digest, **made}
    _write(gates, GATES, head, "clips", ("left.png", "right.png"))
    return frames, gates


def _write(folder: Path, name: str, head: dict[str, object], key: str, files: tuple[str, ...]) -> None:
    folder.mkdir(parents=True)
    listed = []
    for number, file in enumerate(files):
        data = io.BytesIO()
        Image.new("RGB", (8, 6), (40 * number, 90, 120)).save(data, Path(file).suffix.removeprefix("."))
        (folder / file).write_bytes(data.getvalue())
        listed.append({"file": file, "sha256": sha256_bytes(data.getvalue())})
    (folder / name).write_text(json.dumps({**head, key: listed}), encoding="utf-8")
