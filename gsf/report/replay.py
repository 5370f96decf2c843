"""`gsf verify --replay N`: N videos of each benchmark are extracted, and N of each evaluation scored, once more.

Which ones follows from a seed. The same bytes are expected on the machine and with the tools that made the results;
elsewhere bytes may differ and the content be equal within a tolerance: a finding of its own, `close`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from gsf.data.clips import EvaluationClips
from gsf.data.decode import decode_frames
from gsf.data.inputs import split_of, stored_shards
from gsf.data.lists import read_manifest
from gsf.data.videos import Videos
from gsf.errors import EvaluationError, GsfError
from gsf.evaluate.mirrored import of_the_video
from gsf.evaluate.predict import predict
from gsf.evaluate.scores import Scores, read_scores
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.params.protocol import Protocol
from gsf.project import Project
from gsf.proof.chain import Command, known_studies, study_chain
from gsf.proof.findings import Finding, Kind, Verdict
from gsf.proof.verify import Verdicts
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import Receipt
from gsf.report.found import scores_file
from gsf.store.decode import decode
from gsf.store.plan import PlannedVideo, read_plan
from gsf.store.reader import ShardReader
from gsf.train.checkpoint import read_checkpoint
from gsf.train.device import deterministic

PIXELS = 2.0  # mean distance of a frame's pixels, of 255 levels: another build of ffmpeg or of a JPEG library
LOGITS = 1e-3  # distance of logits, relative to the largest of the video or 1: another processor or size of batches
_REMEDY = "run `gsf verify --deep`, then the stage again with the receipt's tools"
_BRING = "`dvc pull` or `dvc repro` brings it"
_NO_STUDY = "that a replay gives the same: studies with results are replayed, nothing else, so nothing was"

View = tuple[torch.Tensor, int, int]


def replayed(project: Project, verdict: Verdict | Verdicts, *, count: int, seed: int) -> Verdict | Verdicts:
    """The verdict with what a replay finds, and what the replay did not touch."""
    return verdict.each(lambda item: _replayed(project, item, count=count, seed=seed))


def _replayed(project: Project, verdict: Verdict, *, count: int, seed: int) -> Verdict:
    if verdict.study not in known_studies(project):
        return replace(verdict, not_proven=(*verdict.not_proven, _NO_STUDY))
    if verdict.of("stale_data"):
        why = "that a replay gives the same: the data here are of a later run than the results, so nothing was replayed"
        return verdict.extended({}, (), not_proven=(*verdict.not_proven, why))
    checked: dict[str, int] = {}
    found = tuple(check_replayed(project, verdict.study, checked, count=count, seed=seed))
    beyond = (
        f"videos and evaluations beyond the {count} that seed {seed} chose; trainings, which were not run again; and"
        " that shards and checkpoints here are those of the receipts, which `--deep` reads"
    )
    return verdict.extended(checked, found, not_proven=(*verdict.not_proven, beyond))


def check_replayed(
    project: Project, study: str, checked: dict[str, int], *, count: int, seed: int
) -> Iterator[Finding]:
    """Extract and score again; a finding names the video or the evaluation that does not come out the same."""
    receipts = [item for item in study_chain(project, study).receipts.values() if Command.of(item).verb == "evaluate"]
    receipts.sort(key=lambda item: item.stage)
    for benchmark in sorted({Command.of(item).positional[0] for item in receipts}):
        try:
            yield from _extract_again(project, benchmark, checked, count=count, seed=seed)
        except (GsfError, OSError) as error:
            yield Finding("absent", f"videos of {benchmark}", f"cannot be extracted again: {error}", _BRING)
    for receipt in receipts:
        try:
            yield from _score_again(project, study, receipt, checked, count=count, seed=seed)
        except (GsfError, OSError) as error:
            yield Finding("absent", receipt.stage, f"cannot be scored again: {error}", _BRING)


def chosen(total: int, *, count: int, seed: int) -> list[int]:
    """At most `count` of `total` places, in order."""
    return sorted(np.random.default_rng(seed).permutation(total)[:count].tolist())


def _extract_again(
    project: Project, benchmark: str, checked: dict[str, int], *, count: int, seed: int
) -> Iterator[Finding]:
    params = load(Benchmark, project.params_file("benchmarks", benchmark))
    shards = sorted(stored_shards(project, benchmark, read_manifest(project, benchmark)))
    planned = [(shard, video) for shard in shards for video in read_plan(project.shard_plan(benchmark, shard))]
    for place in chosen(len(planned), count=count, seed=seed):
        shard, video = planned[place]
        path = project.shard(benchmark, shard)
        if not path.is_file():
            yield Finding("absent", project.relative(path), "the shard is not here", _BRING)
            continue
        reader = ShardReader(path)
        try:
            if video.id in reader:
                yield from _compare_frames(project, params, video, list(reader[video.id].read()))
                checked["videos extracted again"] = checked.get("videos extracted again", 0) + 1
        except GsfError as error:
            here = (project.root / params.videos / video.path).exists()
            remedy = _REMEDY if here else _BRING
            yield Finding("broken" if here else "absent", f"video {video.id}", str(error), remedy)
        finally:
            reader.close()


def _compare_frames(
    project: Project, params: Benchmark, video: PlannedVideo, stored: Sequence[bytes]
) -> Iterator[Finding]:
    frames = list(decode(params, video, project.root / params.videos / video.path))
    if frames == list(stored):
        return
    link = f"video {video.id}"
    if len(frames) != len(stored):
        yield Finding("broken", link, f"gives {len(frames)} frames, the shard has {len(stored)}", _REMEDY)
        return
    distance = max(_pixel_distance(one, other, where=link) for one, other in zip(frames, stored, strict=True))
    what = f"its frames have other bytes; pixels differ by {distance:.2f} of 255 on average in the worst frame"
    kind: Kind = "close" if distance <= PIXELS else "broken"
    yield Finding(kind, link, f"{what}, tolerated: {PIXELS}", "" if kind == "close" else _REMEDY)


def _pixel_distance(one: bytes, other: bytes, *, where: str) -> float:
    """Mean distance of two frames' pixels; infinite where their sizes differ."""
    first, second = (decode_frames([jpeg], names=[where])[0] for jpeg in (one, other))
    if first.shape != second.shape:
        return float("inf")
    return float((first.float() - second.float()).abs().mean())


def _score_again(
    project: Project, study: str, receipt: Receipt, checked: dict[str, int], *, count: int, seed: int
) -> Iterator[Finding]:
    options, benchmark = Command.of(receipt).options, Command.of(receipt).positional[0]
    file = scores_file(project, study, receipt)
    checkpoint = project.checkpoint(study, options["run"])
    if file is None or not checkpoint.is_file():
        missing = "its scores" if file is None else project.relative(checkpoint)
        yield Finding("absent", receipt.stage, f"{missing} cannot be had here, so nothing was scored again", _BRING)
        return
    name = project.relative(checkpoint)
    promised = next((item.sha256 for item in receipt.inputs if item.path == name), None)
    if sha256_file(checkpoint) != promised:
        yield Finding("broken", name, f"is not the checkpoint that {receipt.stage} read", _REMEDY)
        return
    scores = read_scores(file)
    picked = chosen(len(scores.ids), count=count, seed=seed)
    logits = _logits(project, benchmark, options, scores, picked)
    checked["videos scored again"] = checked.get("videos scored again", 0) + len(picked)
    for row, place in enumerate(picked):
        yield from _compare_logits(receipt.stage, scores.ids[place], logits[row], scores.logits[place])


def _logits(
    project: Project, benchmark: str, options: dict[str, str], scores: Scores, picked: Sequence[int]
) -> np.ndarray[Any, Any]:
    """`(len(picked), V, C)` on the CPU, whatever device made the scores."""
    protocol = load(Protocol, project.params_file("protocols", options["protocol"]))
    manifest = read_manifest(project, benchmark)
    split = split_of(manifest, "test")
    if tuple(split.ids) != scores.ids:
        raise EvaluationError(f"{benchmark}: the manifest here lists other test videos than the scores, must be theirs")
    network, info = read_checkpoint(project.checkpoint(options["study"], options["run"]))
    clips = EvaluationClips(
        Videos(split, stored_shards(project, benchmark, manifest)),
        protocol=protocol,
        short_side=info.model.short_side,
        size=info.model.input_size,
    )
    with deterministic(threads=int(options["threads"])):
        logits = predict(
            network,
            _Picked(clips, picked),
            num_videos=len(picked),
            views=scores.views,
            num_classes=len(scores.classes),
            batch_size=protocol.batch_size,
            device=torch.device("cpu"),
            workers=0,
            title=f"replay {options['run']} {options['protocol']}",
        )
    return of_the_video(logits, protocol, manifest)


def _compare_logits(
    stage: str, video: str, found: np.ndarray[Any, Any], promised: np.ndarray[Any, Any]
) -> Iterator[Finding]:
    if np.array_equal(found, promised):
        return
    distance = float(np.abs(found - promised).max() / max(1.0, float(np.abs(promised).max())))
    what = f"video {video}: logits differ by {distance:.1e} of the largest, tolerated: {LOGITS:.0e}"
    kind: Kind = "close" if distance <= LOGITS else "broken"
    yield Finding(kind, stage, what, "" if kind == "close" else _REMEDY)


class _Picked(Dataset[View]):
    """Some of the videos, numbered from 0."""

    def __init__(self, clips: EvaluationClips, picked: Sequence[int]) -> None:
        self._clips = clips
        self._picked = picked

    def __len__(self) -> int:
        return len(self._picked)

    def __getitem__(self, index: int) -> View:
        views, label, _ = self._clips[self._picked[index]]
        return views, label, index
