"""`gsf speed`: how many clips a second each network of a study classifies on this machine, all of them in turns."""

from __future__ import annotations

import json
import platform
import re
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from gsf.errors import ProvenanceError
from gsf.machine import usable_cores
from gsf.params.model import Model
from gsf.project import Project
from gsf.provenance.hashing import canonical_json, write_atomically
from gsf.site.speed import FORMAT, SPEED
from gsf.site.study import read_study
from gsf.train.checkpoint import build_model
from gsf.train.device import choose_device, device_name

CLIPS = 8  # of a batch
ROUNDS = 7


def measure_speed(
    project: Project, study: str, *, device: str = "auto", threads: int | None = None, rounds: int = ROUNDS
) -> str:
    """Write `results/STUDY/speed.json`: clips a second of each network that the study trained or imported.

    Networks are those that the receipts name, without their weights, which change no speed; their input is one batch
    `(CLIPS, T, 3, H, W)` in memory, so that decoding is not part of it. Networks take turns, and the median of the
    rounds counts, so that another load of the machine meets all of them. Evaluations of one network share its number.

    Args:
        project: the project.
        study: a study with results.
        device: auto, cpu, cuda or cuda:N.
        threads: of the CPU; default: as many as this process has cores.
        rounds: that are measured; one more warms up.

    Returns:
        What was measured, a line a network.

    Raises:
        ProvenanceError: the study has no results whose receipts name a network.
        TrainError: there is no such device.
    """
    place = choose_device(device)
    cores = threads or usable_cores()
    models: dict[bytes, tuple[Model, int]] = {}
    users: dict[str, tuple[str, bytes]] = {}  # by receipt: run and network
    found = read_study(project, study)
    for item in found.evaluations:
        if item.network is None:
            continue
        classes = len(found.benchmarks[item.benchmark].classes)
        key = canonical_json([item.network.model.model_dump(), classes])
        models[key] = (item.network.model, classes)
        users[item.makers[0].digest] = (item.network.run, key)
    if not users:
        raise ProvenanceError(
            f"results/{study}: no receipt behind its numbers names a network, must have one to measure: run"
            " `dvc repro`, or say a study with results"
        )
    before = torch.get_num_threads()
    torch.set_num_threads(cores)
    try:
        rates = _rates(models, place, rounds=rounds)
    finally:
        torch.set_num_threads(before)
    networks = [
        {"run": run, "receipt": receipt, "clips_per_second": float(f"{rates[key]:.4g}")}
        for receipt, (run, key) in users.items()
    ]
    content = {
        "format": FORMAT,
        "study": study,
        "device": _processor() if place.type == "cpu" else device_name(place),
        "threads": cores if place.type == "cpu" else None,
        "clips": CLIPS,
        "rounds": rounds,
        "torch": torch.__version__,
        "networks": networks,
    }
    path = project.results(study) / SPEED
    write_atomically(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
    said = [f"{item['run']}: {item['clips_per_second']:g} clips/s" for item in networks]
    return "\n".join([*said, f"{project.relative(path)}: {content['device']}, {len(models)} networks in turns"])


def _rates(models: Mapping[bytes, tuple[Model, int]], device: torch.device, *, rounds: int) -> dict[bytes, float]:
    """Clips a second of each."""
    networks = {
        key: build_model(model, num_classes=classes).eval().to(device) for key, (model, classes) in models.items()
    }
    inputs = {key: _batch(model, device) for key, (model, _) in models.items()}
    spent: dict[bytes, list[float]] = {key: [] for key in models}
    with torch.inference_mode():
        for number in range(rounds + 1):
            for key, network in networks.items():
                seconds = _seconds(network, inputs[key])
                if number:
                    spent[key].append(seconds)
    return {key: CLIPS / statistics.median(times) for key, times in spent.items()}


def _batch(model: Model, device: torch.device) -> torch.Tensor:
    shape: Sequence[int] = (CLIPS, model.num_segments, 3, model.input_size, model.input_size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(device)


def _seconds(network: nn.Module, clips: torch.Tensor) -> float:
    begin = time.perf_counter()
    network(clips)
    if clips.device.type == "cuda":
        torch.cuda.synchronize(clips.device)
    return time.perf_counter() - begin


def _processor() -> str:
    """What the processor calls itself."""
    listed = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", listed.read_text(), re.MULTILINE) if listed.is_file() else None
    return found[1] if found else platform.processor() or platform.machine()
