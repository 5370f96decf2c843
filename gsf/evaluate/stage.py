"""The evaluate stage: a checkpoint and a manifest's test split in, scores and metrics with their receipt out."""

from __future__ import annotations

import os

import numpy as np
import torch

from gsf.data.clips import EvaluationClips, Split, Videos
from gsf.data.inputs import shard_paths, split_of
from gsf.data.manifest import Manifest, read_manifest
from gsf.errors import EvaluationError
from gsf.evaluate.metrics import compute_metrics, confusion_rows
from gsf.evaluate.predict import Partial, predict
from gsf.evaluate.scores import Scores, write_scores
from gsf.nn.model import VideoModel
from gsf.params.base import load
from gsf.params.protocol import Protocol
from gsf.project import Project
from gsf.provenance.code import code_digests
from gsf.provenance.environment import tool_versions
from gsf.provenance.hashing import canonical_json, sha256_bytes, write_atomically
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Input, Receipt, StageResult, linked_inputs, seal
from gsf.store.tables import write_table
from gsf.train.checkpoint import CheckpointInfo, read_checkpoint
from gsf.train.device import choose_device, deterministic

ENTRY = "gsf.evaluate.stage"
TOOLS = ("torch", "torchvision", "numpy", "lmdb", "safetensors")
CONFUSION_COLUMNS = ("actual", "predicted")
SPLIT = "test"


def run(
    project: Project,
    *,
    benchmark: str,
    study: str,
    run: str,
    protocol: str,
    threads: int,
    workers: int | None = None,
    device: str = "auto",
) -> Receipt:
    """Evaluate one run of a study by one protocol and seal its receipt."""
    protocol_file = project.params_file("protocols", protocol)
    views = load(Protocol, protocol_file)
    target = choose_device(device)
    used = params_used(project, protocol_file)
    inputs = evaluation_inputs(project, benchmark, study, run)
    manifest = read_manifest(project, benchmark)
    split = split_of(manifest, SPLIT)
    checkpoint = project.checkpoint(study, run)
    network, info = read_checkpoint(checkpoint)
    _check(project.relative(checkpoint), info, manifest, split, views, benchmark=benchmark)

    key = _key(inputs, used, threads=threads, device=target)
    partial = Partial(project.work("evaluate", study, run, protocol, "partial.safetensors"), key)
    clips = EvaluationClips(
        Videos(split, {name: path for name, path in _shards(project, benchmark, manifest).items()}),
        protocol=views,
        short_side=info.model.short_side,
        size=info.model.input_size,
    )
    with deterministic(threads=threads):
        scores = _scores(network, clips, split, info, views, target, _workers(workers), partial, f"{run} {protocol}")
    _write_outputs(project, study, run, protocol, scores, manifest)
    command = ["gsf", "evaluate", benchmark, "--study", study, "--run", run]
    command += ["--protocol", protocol, "--threads", str(threads)]
    receipt = seal(
        project,
        StageResult(
            stage=f"evaluate@{study}-{run}-{protocol}",
            command=command,
            params=used,
            inputs=inputs,
            outputs=[
                project.scores(study, run, protocol),
                project.metrics(study, run, protocol),
                project.confusion(study, run, protocol),
            ],
            entry=ENTRY,
            tools=TOOLS,
            facts={"n": len(split), "views": scores.views, "device": _device_name(target), "threads": threads},
        ),
        project.evaluate_receipt(study, run, protocol),
    )
    partial.remove()
    return receipt
