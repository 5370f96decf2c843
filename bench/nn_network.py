"""Speed of a whole network with GSF against the same network without it (TSN), and against the plain transcription.

    python bench/nn_network.py [--backbone resnet50] [--size 224] [--rounds 5] [--threads 1]

A clip of 8 frames, ratio 1, float32, on a CPU; evaluation is one forward pass, training a forward and a backward pass.
The networks run in turn, round by round; a case is a ratio of medians. Needs torch alone.
"""

from __future__ import annotations

import argparse
import copy
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor, nn

from bench.lib.record import case, write
from bench.lib.turns import median_seconds
from gsf.nn import create_model
from gsf.nn.gsf import GSF
from tests.nn.transcription import PlainGSF

FRAMES, CLASSES = 8, 174
# The time of GSF as a multiple of TSN's, at most; and how much faster than the transcription it is, at least.
AT_MOST = {"evaluation": 1.2, "training": 1.3}
AT_LEAST = {"evaluation": 2.0, "training": None}


def transcribed(model: nn.Module) -> nn.Module:
    """A copy whose modules compute what the equations say, one after the other."""
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, GSF):
                setattr(parent, name, PlainGSF(child.channels, child.num_segments, child.ratio))
    return model


def step(model: nn.Module, clips: Tensor, *, training: bool) -> None:
    """One pass."""
    model.train(training)
    if training:
        model.zero_grad()
        model(clips).sum().backward()
    else:
        with torch.inference_mode():
            model(clips)


def in_layout(clips: Tensor, models: list[nn.Module], layout: str) -> Tensor:
    """The clips, and the models in place, in a memory format."""
    memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    for value in (value for model in models for value in model.parameters() if value.dim() == 4):
        value.data = value.data.contiguous(memory_format=memory_format)
    return clips.flatten(0, 1).contiguous(memory_format=memory_format).unflatten(0, clips.shape[:2])


def main() -> None:
    """Measure both memory formats and both modes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--size", type=int, default=224, help="px")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    tsn, gsf = (create_model(options.backbone, temporal, CLASSES, FRAMES) for temporal in ("none", "gsf"))
    plain = transcribed(gsf)
    cases = []
    for layout in ("nchw", "channels_last"):
        clips = in_layout(torch.randn(1, FRAMES, 3, options.size, options.size), [tsn, gsf, plain], layout)
        for mode in ("evaluation", "training"):
            # The transcription works on five dimensions, whatever the memory format.
            steps = [partial(step, model, clips, training=mode == "training") for model in (tsn, gsf, plain)]
            of_tsn, of_gsf, of_plain = (seconds * 1e3 for seconds in median_seconds(steps, options.rounds))
            name = f"{options.backbone}, {FRAMES} x {options.size} px, {layout}, {mode}"
            limit, measured = AT_MOST[mode], partial(case, metric="time of a clip", value=of_gsf, unit="ms")
            cases += [
                measured(
                    f"{name}: GSF against TSN (goal: at most {limit:g} times its time)",
                    baseline=of_tsn,
                    ratio=of_tsn / of_gsf,
                    goal=round(1 / limit, 3),
                ),
                measured(
                    f"{name}: GSF against the transcription",
                    baseline=of_plain,
                    ratio=of_plain / of_gsf,
                    goal=AT_LEAST[mode],
                ),
            ]
    write("nn_network", cases)


if __name__ == "__main__":
    main()
