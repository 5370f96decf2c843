"""The text of the files that `gsf import` writes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gsf.nn.released import Released
from gsf.yaml_text import scalar


def import_yaml(
    name: str,
    released: Released,
    *,
    checkpoint: str,
    sha256: str,
    num_segments: int,
    input_size: int,
    short_side: int,
    classes: Sequence[str] | None,
) -> str:
    """An import file."""
    listed = " null  # the order of the logits: null is the benchmark's own, sorted by name"
    if classes is not None:
        names = "".join(f"\n  - {scalar(label)}" for label in classes)
        listed = f"  # in the order of the logits{names}"
    return f"""\
# A network that was trained elsewhere: written by `gsf import`, which read all but the sizes from the checkpoint.
name: {scalar(name)}
checkpoint: {scalar(checkpoint)}  # where the file lies, relative to the project or absolute; in no receipt
sha256: {scalar(sha256)}
backbone: {scalar(released.backbone)}
temporal: {scalar(released.temporal)}
ratio: {released.ratio!r}  # share of the channels that takes part
num_segments: {num_segments}  # frames of a clip; no weight tells with how many the network was trained
input_size: {input_size}  # px
short_side: {short_side}  # px
classes:{listed}
"""


def study_yaml(study: str, name: str, benchmark: str, *, protocol: str) -> str:
    """A study of one imported released."""
    return f"""\
# How a network that was trained elsewhere scores on {benchmark}.
study: {scalar(study)}
threads: 2          # CPU threads of an evaluation; part of the result, because sums depend on it
seeds: [0]          # of trainings; an imported network has none
protocols:          # params/protocols: frames x clips x crops
  - {scalar(protocol)}
experiments:        # the rows of the table; a name contains its temporal module (tsn where there is none)
{_experiment(name, benchmark, indent=2)}
"""


def add_experiment(text: str, name: str, benchmark: str) -> str:
    """The text of a study with one more line at the end of its `experiments:`, all else as it was."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith("experiments:")), len(lines))
    last, indent = start, 2
    for number in range(start + 1, len(lines)):
        inside = re.match(r"( +)[^ #]", lines[number])
        if inside and last == start:
            indent = len(inside[1])
        if inside:
            last = number
        elif lines[number] and not lines[number].startswith((" ", "#")):
            break
    return "\n".join([*lines[: last + 1], _experiment(name, benchmark, indent=indent), *lines[last + 1 :]]) + "\n"


def _experiment(name: str, benchmark: str, *, indent: int) -> str:
    return f"{' ' * indent}{scalar(name)}: {{benchmark: {scalar(benchmark)}, imported: {scalar(name)}}}"
