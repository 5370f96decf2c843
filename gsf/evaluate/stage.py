"""The evaluate stage: a checkpoint and a manifest's test split in, scores and metrics with their receipt out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gsf.data.clips import EvaluationClips
from gsf.data.inputs import data_inputs, shard_paths, split_of
from gsf.data.lists import Manifest, read_manifest
from gsf.data.loader import TOOLS as LOADER_TOOLS
from gsf.data.loader import workers as loader_processes
from gsf.data.videos import Split, Videos
from gsf.errors import EvaluationError
from gsf.evaluate.measuring import measuring_of, write_measured
from gsf.evaluate.mirrored import check_mirrored, of_the_video
from gsf.evaluate.predict import Partial, predict
from gsf.evaluate.scores import Scores
from gsf.params.base import load
from gsf.params.protocol import Protocol
from gsf.project import Project
from gsf.provenance.code import code_digests
from gsf.provenance.environment import package_versions
from gsf.provenance.evaluated import stage_name
from gsf.provenance.hashing import canonical_json, sha256_bytes
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Input, Receipt, StageResult, linked_inputs, seal
from gsf.train.checkpoint import CheckpointInfo, read_checkpoint
from gsf.train.device import choose_device, deterministic, device_name

ENTRY = "gsf.evaluate.stage"
TOOLS = (*LOADER_TOOLS, "torchvision", "safetensors")
SPLIT = "test"


def run(
    project: Project,
    *,
    benchmark: str,
    study: str,
    run: str,
    protocol: str,
    threads: int,
    subsets: str | None = None,
    workers: int | None = None,
    device: str = "auto",
) -> Receipt:
    """Evaluate one run of a study by one protocol and seal its receipt.

    `subsets` names the table of subsets of the test videos that get metrics of their own, or the folder of published
    annotations that has one, relative to the project.
    """
    protocol_file = project.params_file("protocols", protocol)
    views = load(Protocol, protocol_file)
    target = choose_device(device)
    used = params_used(project, protocol_file)
    checkpoint = project.checkpoint(study, run)
    inputs = data_inputs(project, benchmark) + linked_inputs(project, project.train_receipt(study, run), [checkpoint])
    manifest = read_manifest(project, benchmark)
    split = split_of(manifest, SPLIT)
    network, info = read_checkpoint(checkpoint)
    _check(project.relative(checkpoint), info, manifest, split, views, benchmark=benchmark)
    check_mirrored(views, manifest, benchmark=benchmark)
    measuring, of_subsets = measuring_of(project, benchmark, subsets)

    key = _key(inputs, used, threads=threads, device=target)
    partial = Partial(project.work("evaluate", study, run, protocol, "partial.safetensors"), key)
    with deterministic(threads=threads):
        logits = predict(
            network,
            EvaluationClips(
                Videos(split, shard_paths(project, benchmark, manifest)),
                protocol=views,
                short_side=info.model.short_side,
                size=info.model.input_size,
            ),
            num_videos=len(split),
            views=views.clips * views.views,
            num_classes=len(info.classes),
            batch_size=views.batch_size,
            device=target,
            workers=loader_processes(workers),
            partial=partial,
            title=f"evaluate {run} {protocol}",
        )
    scores = Scores(
        ids=tuple(split.ids),
        classes=tuple(info.classes),
        labels=np.asarray(split.labels, dtype=np.int64),
        logits=of_the_video(logits, views, manifest),
        clips=views.clips,
        crops=views.views,
        average=views.average,
    )
    place = project.evaluated(study, run, protocol)
    write_measured(place, scores, measuring)
    command = ["gsf", "evaluate", benchmark, "--study", study, "--run", run, "--protocol", protocol]
    command += [*(["--subsets", subsets] if subsets else []), "--threads", str(threads)]
    receipt = seal(
        project,
        StageResult(
            stage=stage_name(study, run, protocol),
            command=command,
            params=used,
            inputs=[*inputs, *of_subsets],
            outputs=place.outputs,
            entry=ENTRY,
            tools=TOOLS,
            facts={"n": len(split), "views": scores.views, "device": device_name(target), "threads": threads},
        ),
        place.receipt,
    )
    partial.remove()
    return receipt


def _check(
    where: str, info: CheckpointInfo, manifest: Manifest, split: Split, protocol: Protocol, *, benchmark: str
) -> None:
    """The checkpoint, the manifest and the protocol must speak of the same classes and the same clip."""
    segments = info.model.num_segments
    if protocol.frames != segments:
        raise EvaluationError(
            f"params/protocols/{protocol.name}.yaml: frames is {protocol.frames}, must be the num_segments of the"
            f" model, {segments} ({where}); use a protocol of {segments} frames or train a model of {protocol.frames}"
        )
    if list(info.classes) != list(manifest.classes):
        differing = sorted(set(info.classes) ^ set(manifest.classes))[:5] or ["the same names in another order"]
        raise EvaluationError(
            f"{where}: was trained on other classes than the manifest's, must be the same ({', '.join(differing)});"
            " train again"
        )
    if not len(split):
        raise EvaluationError(
            f"{benchmark}: the manifest has no video in the split {SPLIT!r}, must have at least one to evaluate;"
            " give some videos that split in the benchmark's annotations"
        )


def _key(inputs: list[Input], used: dict[str, Any], *, threads: int, device: torch.device) -> str:
    """A digest of all that determines the logits: an unfinished evaluation goes on only under the same key."""
    return sha256_bytes(
        canonical_json(
            {
                "inputs": [[item.path, item.sha256] for item in inputs],
                "params": used,
                "threads": threads,
                "device": device_name(device),
                "code": code_digests(ENTRY),
                "tools": package_versions(TOOLS),
            }
        )
    )
