"""`gsf gates`: what each gated layer of a trained network shifts and fuses, over the frames of a few test clips."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gsf.data.clips import EvaluationClips
from gsf.data.inputs import split_of, stored_shards
from gsf.data.lists import Manifest, read_manifest
from gsf.data.preprocess import normalize
from gsf.data.videos import Split, Videos
from gsf.errors import DataError, ParamsError
from gsf.explain.evidence import evidence
from gsf.explain.recording import Layer, Look, look
from gsf.explain.sheet import GAP, Scale, grid, layer_rows, scale_of, top_rows, words_of_rows
from gsf.names import slug
from gsf.params.protocol import Protocol
from gsf.project import Project
from gsf.proof.chain import Command, study_chain
from gsf.proof.drawn import GATES
from gsf.provenance.hashing import sha256_bytes, write_atomically
from gsf.provenance.receipt import linked_inputs, read_receipt
from gsf.site.gates import FORMAT
from gsf.site.showing import drawn_before, picture_folder
from gsf.train.checkpoint import CheckpointInfo, read_checkpoint
from gsf.train.device import deterministic

SPLIT = "test"
CELL = 48  # px of a frame or a gate
_GATED = ("gsf", "gsm")


@dataclass(frozen=True)
class Asked:
    """Which network and clips; None takes the study's first network with gates, the first video of each class."""

    study: str
    run: str | None = None
    videos: tuple[str, ...] = ()
    to: Path | None = None


@dataclass(frozen=True)
class _Candidate:
    """A network behind the results, as its receipt describes it."""

    benchmark: str
    temporal: str
    causal: bool


@dataclass(frozen=True)
class _Seen:
    """One clip: its frames as the network gets them, `(T, 3, H, W)` uint8, and what its layers did."""

    row: int
    wanted: list[int]
    frames: torch.Tensor
    look: Look

    @property
    def predicted(self) -> int:
        return int(self.look.logits.argmax())


def draw_gates(project: Project, asked: Asked) -> str:
    """Draw a PNG a clip and `gates.json`, which says what they show and of which receipts; what was drawn, in words.

    Raises:
        ParamsError: no network with gates, or frames that must not get into the project.
        DataError: a video that the test split does not hold.
        ProvenanceError: the checkpoint or a shard is not what its receipt says.
    """
    benchmark, run = chosen_run(project, asked)
    folder = picture_folder(project, asked.study, "gates", benchmark, to=asked.to) / slug(run)
    checkpoint = project.checkpoint(asked.study, run)
    linked_inputs(project, project.train_receipt(asked.study, run), [checkpoint])
    model, info = read_checkpoint(checkpoint)
    manifest = read_manifest(project, benchmark)
    split = split_of(manifest, SPLIT)
    rows = _rows(split, asked.videos, where=f"{benchmark}, split {SPLIT}")
    shards = {split.shards[row]: project.shard(benchmark, split.shards[row]) for row in rows}
    for shard, path in shards.items():
        linked_inputs(project, project.extract_receipt(benchmark, shard), [path])
    segments = info.model.num_segments
    clips = EvaluationClips(
        Videos(split, stored_shards(project, benchmark, manifest)),
        protocol=Protocol(name=f"{segments}x1x1", frames=segments, clips=1, crops=1),
        short_side=info.model.short_side,
        size=info.model.input_size,
    )
    seen = []
    with deterministic(threads=1):
        for row in rows:
            frames = clips[row][0][0]
            found = look(model, normalize(frames[None], model.preprocessing)[0])
            seen.append(_Seen(row, clips.frames_of(row)[0].tolist(), frames, found))
    if not any(layer.gate is not None for layer in seen[0].look.layers):
        raise ParamsError(f"run {run} of {asked.study}: its network has no gate, must be GSM, or GSF with its gate")
    by_layer = [list(layers) for layers in zip(*(item.look.layers for item in seen), strict=True)]  # over the clips
    scales = [scale_of(layers) for layers in by_layer]
    earlier = drawn_before(folder, "gates", own=asked.to is None)
    drawn = [_write_clip(folder, item, scales, split, manifest, info) for item in seen]
    index = {
        "format": FORMAT,
        "study": asked.study,
        "run": run,
        "benchmark": benchmark,
        "split": SPLIT,
        "receipt": read_receipt(project.train_receipt(asked.study, run)).digest,
        "manifest": read_receipt(project.manifest_receipt(benchmark)).digest,
        "shards": {name: read_receipt(project.extract_receipt(benchmark, name)).digest for name in sorted(shards)},
        "cell": CELL,
        "gap": GAP,
        "layers": [_layer(layers, scale) for layers, scale in zip(by_layer, scales, strict=True)],
        "clips": drawn,
    }
    write_atomically(folder / GATES, _readable(index))
    for name in earlier - {clip["file"] for clip in drawn}:
        (folder / name).unlink()
    return f"{folder}: {len(scales)} layers of {run} over {len(seen)} clips of {benchmark}"


def chosen_run(project: Project, asked: Asked) -> tuple[str, str]:
    """Benchmark and run: as asked for, else the first network of the study that has gates.

    GSF comes before GSM, and of each a network that looks both ways before one that looks only backwards.
    """
    runs: dict[str, _Candidate] = {}
    chain = study_chain(project, asked.study)
    for receipt in sorted(chain.receipts.values(), key=lambda item: item.stage):
        command = Command.of(receipt)
        if command.verb in ("train", "convert") and command.positional and "run" in command.options:
            params = [value for path, value in receipt.content["params"].items() if "/recipes/" not in path]
            model = params[0] if params else {}
            temporal, causal = str(model.get("temporal", "")), model.get("causal") is True
            runs[command.options["run"]] = _Candidate(command.positional[0], temporal, causal)
    if asked.run is not None and asked.run not in runs:
        known = ", ".join(runs) or "none"
        raise ParamsError(f"run {asked.run!r} is not behind the results of {asked.study}, must be one of {known}")
    gated = [run for run, found in runs.items() if found.temporal in _GATED]
    gated.sort(key=lambda run: (_GATED.index(runs[run].temporal), runs[run].causal))
    run = asked.run or next(iter(gated), None)
    if run is None:
        raise ParamsError(f"study {asked.study}: no run behind its results has gates, must be GSF or GSM")
    return runs[run].benchmark, run


def _rows(split: Split, videos: Sequence[str], *, where: str) -> list[int]:
    position = {video: row for row, video in enumerate(split.ids)}
    absent = [video for video in videos if video not in position]
    if absent:
        raise DataError(f"{where}: holds no video {', '.join(absent)}, must be ids of the manifest")
    first = {label: row for row, label in reversed(list(enumerate(split.labels)))}
    rows = [position[video] for video in videos] or [first[label] for label in sorted(first)]
    if not rows:
        raise DataError(f"{where}: holds no video, must hold at least one to show")
    return rows


def _layer(clips: Sequence[Layer], scale: Scale) -> dict[str, Any]:
    """Of a layer its size, what its rows show, what has the full colour, and means of |gate| and of fuse weights."""
    first = clips[0]
    gates = [layer.gate.abs() for layer in clips if layer.gate is not None]
    fuse = [layer.fuse for layer in clips if layer.fuse is not None]
    gate = torch.stack(gates).mean((0, 1, 3, 4))  # of (clips, T, 2, H, W)
    assert first.gate is not None
    return {
        "name": first.name,
        "channels": first.processed,
        "height": first.gate.shape[-2],
        "width": first.gate.shape[-1],
        "rows": words_of_rows(first),
        "scale": round(scale.gate, 4),
        "mean": [round(float(share), 4) for share in gate],
        "fuse_scale": round(scale.fuse, 4) if fuse else None,
        "fuse": [round(float(share), 4) for share in torch.stack(fuse).mean((0, 1, 3))] if fuse else None,
    }


def _write_clip(
    folder: Path, item: _Seen, scales: Sequence[Scale], split: Split, manifest: Manifest, info: CheckpointInfo
) -> dict[str, Any]:
    """The picture: a row of frames, one of evidence, then those of each layer; returns what the index says of it."""
    found = evidence(item.look)
    rows = top_rows(item.frames, found, info.classes, CELL)
    for layer, scale in zip(item.look.layers, scales, strict=True):
        rows += layer_rows(item.frames, layer, scale, CELL)
    data = io.BytesIO()
    grid(rows, CELL).save(data, "PNG", optimize=True)
    video = split.ids[item.row]
    name = f"{slug(video.replace('/', '-'))}.png"
    write_atomically(folder / name, data.getvalue())
    return {
        "video": video,
        "label": manifest.classes[split.labels[item.row]],
        "predicted": info.classes[item.predicted],
        "rival": None if found.rival is None else info.classes[found.rival],
        "evidence": [round(value, 4) for value in found.by_frame],
        "shard": split.shards[item.row],
        "frames": item.wanted,
        "file": name,
        "sha256": sha256_bytes(data.getvalue()),
    }


def _readable(index: dict[str, Any]) -> bytes:
    """JSON with a line a layer and a clip, so that git shows what changed."""
    lists = ("layers", "clips")
    head = json.dumps({key: value for key, value in index.items() if key not in lists}, ensure_ascii=False)
    parts = [
        f'"{key}": [\n ' + ",\n ".join(json.dumps(item, ensure_ascii=False) for item in index[key]) + "\n]"
        for key in lists
    ]
    return f"{head[:-1]}, {', '.join(parts)}}}\n".encode()
