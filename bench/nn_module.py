"""Speed of the GSF module against a plain transcription of its equations, on a CPU.

    python bench/nn_module.py [--rounds 7] [--threads 1] [--batch 1]

Both run in turn, round by round, so that another load of the machine meets both; a case is the ratio of medians.
Shapes are those of the four stages of ResNet-50 at 224 px. Needs torch alone.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor, nn

from bench.lib.record import case, write
from bench.lib.turns import median_seconds
from gsf.nn import GSF
from tests.nn.transcription import PlainGSF

STAGES = ((256, 56), (512, 28), (1024, 14), (2048, 7))  # channels, side of the feature map
RATIOS = (1.0, 0.25)
GOALS = {"evaluation": 2.5, "training": 2.0}  # times as fast as the transcription


def evaluate(module: nn.Module, x: Tensor) -> None:
    """One forward pass without gradients."""
    with torch.inference_mode():
        module(x)


def train(module: nn.Module, x: Tensor) -> None:
    """One forward and backward pass, with gradients of the input and of the weights."""
    module.zero_grad()
    x.grad = None
    module(x).sum().backward()


def main() -> None:
    """Measure every stage, ratio, memory format and mode."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1, help="clips of 8 frames")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    cases = []
    formats = {"nchw": torch.contiguous_format, "channels_last": torch.channels_last}
    for layout, memory_format in formats.items():
        for ratio in RATIOS:
            for channels, side in STAGES:
                x = torch.randn(options.batch * 8, channels, side, side).contiguous(memory_format=memory_format)
                ours, plain = GSF(channels, 8, ratio), PlainGSF(channels, 8, ratio)
                for mode, step in (("evaluation", evaluate), ("training", train)):
                    training = mode == "training"
                    runs = [(m.train(training), x.clone().requires_grad_(training)) for m in (ours, plain)]
                    fast, slow = median_seconds([partial(step, *run) for run in runs], options.rounds)
                    name = f"{channels}x{side}x{side}, ratio {ratio:g}, {layout}, {mode}"
                    ours_ms, plain_ms = (seconds / options.batch * 1e3 for seconds in (fast, slow))
                    cases.append(
                        case(
                            name,
                            "time of 8 frames",
                            ours_ms,
                            "ms",
                            baseline=plain_ms,
                            ratio=slow / fast,
                            goal=GOALS[mode],
                        )
                    )
    write("nn_module", cases)


if __name__ == "__main__":
    main()
