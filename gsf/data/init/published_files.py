"""The text of the files that `gsf init --published` writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gsf.data.init.common import pair_lines
from gsf.data.published.formats import BENCHMARKS
from gsf.params.benchmark import Format, Published
from gsf.yaml_text import scalar


@dataclass(frozen=True)
class _Practice:
    """How papers train and measure on a benchmark."""

    origin: str  # of the recipe and the protocols, in words
    protocols: tuple[str, ...]  # the plainest first
    model: str = "gsf-resnet50-224"
    recipe: str = "paper-last"


_SOMETHING = _Practice("The published recipe; one view, and the six that GSF's release tests with", ("8x1x1", "8x2x3"))
_PRACTICES: dict[Format, _Practice] = {
    "ssv1": _SOMETHING,
    "ssv2": _SOMETHING,
    "kinetics400": _Practice(
        "The recipe of Something-Something, since none is published; one view, and the usual thirty",
        ("8x1x1", "8x10x3-dense"),
    ),
    "diving48": _Practice(
        "The published recipe; sixteen frames once, and twice",
        ("16x1x1", "16x2x1"),
        model="gsf-resnet50-16x224",
        recipe="paper-diving48",
    ),
    "epic100": _Practice(
        "The recipe of Something-Something, since none is published; one view, and the six of the published figures",
        ("16x1x1", "16x2x3"),
        model="gsf-resnet50-16x224",
    ),
    "ucf101": _Practice(
        "No figures of GSF are published: recipe and protocols are those of Something-Something", ("8x1x1", "8x2x3")
    ),
}

_MISSING = {
    "stop": "or exclude: annotated videos that are not there are left out and listed, here they are an error",
    "exclude": "annotated videos that are not there are left out and listed with the reason; stop makes them an error",
}


def published_benchmark_yaml(
    name: str, published: Published, *, videos: str, shards: int, flip_pairs: Sequence[tuple[str, str]], order: str
) -> str:
    """A benchmark file for published annotations, with a comment for every choice."""
    benchmark = BENCHMARKS[published.format]
    pairs = f"  flip_pairs:\n{pair_lines(flip_pairs)}" if flip_pairs else "  flip_pairs: []\n"
    if benchmark.source == "jpeg_folders":
        source = "source: jpeg_folders   # a folder of JPEG frames a video; they are stored as they are\n"
        size = ""
    else:
        source = ""
        size = (
            "  short_side: 256     # px; frames keep their aspect ratio\n"
            "  jpeg_quality: 3     # ffmpeg -q:v, 2 (best) .. 31\n"
        )
    lines = _published_lines(published, grouping=benchmark.grouping)
    return f"""\
# {benchmark.title}, from {benchmark.home}.
# Videos on disk: {benchmark.naming}; found by that name in any folder and with any suffix.
name: {scalar(name)}
videos: {scalar(videos)}  # folder of the videos, relative to the project or absolute
{source}annotations: data/{name}/annotated/annotations.csv  # written by stage annotate
published:
{lines}shards: {shards}             # LMDB files; more work in parallel, but each is a stage of the graph
on_missing: {benchmark.on_missing}  # {_MISSING[benchmark.on_missing]}
on_unreadable: stop   # or exclude: left out, and listed with the reason in the manifest and the report
extract:
{size}  max_seconds: {benchmark.max_seconds:<7} # wall clock for decoding one video
  max_frames: {benchmark.max_frames:<8} # a video with more is unreadable
  max_pixels: 8847360 # width x height of the source: 4096 x 2160
# Class order: {order}.
labels:
  # {benchmark.flip_reason}.
  flip: {"swap" if flip_pairs else "free"}
{pairs}  # Classes that are each other played backwards, such as [open, close]; for the metric pair_accuracy.
  reversal_pairs: []
"""


def _published_lines(published: Published, *, grouping: str) -> str:
    lines = [
        f"  format: {published.format}",
        f"  files: {scalar(published.files)}  # folder of the published files, relative to the project or absolute",
        "  sha256:             # the files that are read, and what they must be: the roots of every number",
        *(f"    {scalar(name)}: {_quoted(digest)}" for name, digest in sorted(published.sha256.items())),
    ]
    if published.split is not None:
        lines.append(f"  split: {published.split}            # of the three")
    if published.target is not None:
        lines.append(f"  target: {published.target}      # what the label is: action (verb and noun), verb or noun")
    lines += [
        "  # Share of the training videos that is held out as val, to watch the training; 0: none, and recipes need",
        f"  # `select: last`. Held out whole: {grouping}.",
        f"  val_share: {published.val_share:g}",
    ]
    return "".join(f"{line}\n" for line in lines)


def _quoted(digest: str) -> str:
    """A digest may be all digits, or look like a number with an exponent."""
    return f'"{digest}"'


def published_study_yaml(name: str, format: Format) -> str:
    """A study: the network, recipe and protocols of the papers on a benchmark."""
    practice = _PRACTICES[format]
    protocols = "".join(f"  - {protocol}\n" for protocol in practice.protocols)
    kept = "The recipe keeps the last epoch's weights, because val is empty"
    if practice.recipe == "paper-last":
        kept += ";\n# with a val_share in the benchmark `paper` keeps the best epoch's"
    return f"""\
# GSF on {name}. {practice.origin}.
study: {scalar(name)}
threads: 4          # CPU threads of a training or evaluation; part of the result, because sums depend on it
seeds: [0]          # every experiment is trained once a seed
protocols:          # params/protocols: frames x clips x crops
{protocols}# The rows of the table; a name contains its temporal module. {kept}.
experiments:
  gsf: {{benchmark: {scalar(name)}, model: {practice.model}, recipe: {practice.recipe}}}
"""
