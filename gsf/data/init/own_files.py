"""The text of the files that `gsf init` writes, with a comment for every choice that a person may want to change."""

from __future__ import annotations

from collections.abc import Mapping

from gsf.data.columns import Split
from gsf.data.init.common import pair_lines
from gsf.data.init.flips import Flip
from gsf.data.init.sources import Source
from gsf.tables import table_bytes
from gsf.yaml_text import flow_list, scalar

_QUALITY = "  jpeg_quality: 3     # ffmpeg -q:v, 2 (best) .. 31\n"
_LONG = 400_000, 14_400  # frames and seconds: of segments, whose videos are long


def benchmark_yaml(
    name: str,
    source: Source,
    *,
    videos: str,
    annotations: str,
    shards: int,
    short_side: int,
    flip: Flip,
    origin: str,
) -> str:
    """A benchmark file."""
    pairs = (
        f"  flip_pairs:\n{pair_lines(flip.pairs)}" if flip.pairs else "  flip_pairs: []       # only with flip: swap\n"
    )
    rejected = "".join(f"  # would swap: {flow_list(pair)}\n" for pair in flip.rejected)
    notes = "".join(f"  # {note}\n" for note in flip.notes)
    kind, size = "", f"  short_side: {short_side:<7} # px; frames keep their aspect ratio\n{_QUALITY}"
    if source.kind == "jpeg_folders":
        kind, size = "source: jpeg_folders   # a folder of JPEG frames a video; they are stored as they are\n", ""
    max_frames, max_seconds = _LONG if source.has_segments else (20_000, 300)
    return f"""\
# Labels: {origin}.
# Called again, gsf init adds new videos to the annotations and leaves this file alone.
name: {scalar(name)}
videos: {scalar(videos)}  # folder of the videos, relative to the project or absolute
{kind}annotations: {scalar(annotations)}  # {",".join(_columns(source))}; the splits may be edited
shards: {shards}             # LMDB files; more work in parallel, but each is a stage of the graph
on_missing: stop      # or exclude: annotated videos that are not in the folder
on_unreadable: stop   # or exclude: left out, and listed with the reason in the manifest and the report
extract:
{size}  max_seconds: {max_seconds:<6} # wall clock for decoding one video
  max_frames: {max_frames:<7} # a video with more is unreadable
  max_pixels: 8847360 # width x height of the source: 4096 x 2160
labels:
  # What a horizontal flip does. swap: it turns the classes of each pair into each other and leaves the rest as they
  # are; forbid: it makes clips of no class (writing, a tick), so never flip; free: it does no harm.
{notes}  flip: {flip.mode}
{rejected}{pairs}  # Classes that are each other played backwards, such as [open, close]; for the metric pair_accuracy.
  reversal_pairs: []
"""


def annotation_table(source: Source, splits: Mapping[str, Split]) -> bytes:
    """The annotations: what the source says of each row, and its split."""
    rows = sorted((row.path, row.label, splits[row.id], *row.more) for row in source.rows)
    return table_bytes(_columns(source), rows)


def _columns(source: Source) -> tuple[str, ...]:
    return ("path", "label", "split", *source.columns)


def study_yaml(name: str) -> str:
    """A study: with and without temporal modelling on the same backbone."""
    return f"""\
# Does temporal modelling help on {name}? TSN looks at every frame alone, GSF moves features between frames.
study: {scalar(name)}
threads: 2          # CPU threads of a training or evaluation; part of the result, because sums depend on it
seeds: [0]          # every experiment is trained once a seed
protocols:          # params/protocols: frames x clips x crops
  - 8x1x1
# The rows of the table; a name contains its temporal module (tsn where there is none). The models start from ImageNet
# weights that torchvision downloads; set `pretrained` in params/models to a local file where there is no network.
experiments:
  tsn: {{benchmark: {scalar(name)}, model: tsn-mobilenetv2-112, recipe: finetune}}
  gsf: {{benchmark: {scalar(name)}, model: gsf-mobilenetv2-112, recipe: finetune}}
"""
