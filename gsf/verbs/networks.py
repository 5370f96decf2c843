"""model, show, export: networks and clips to look at, and networks for other programs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gsf.verbs.options import BENCHMARK, Verbs, at_least


def add(verbs: Verbs) -> None:
    """Add the verbs to the parser."""
    model = verbs.add_parser("model", help="what a network is: size, cost, temporal modules, preprocessing")
    model.add_argument("name", help="a file of params/models, or backbone/temporal: resnet50/gsf")
    model.add_argument("--classes", type=int, default=174, help="width of the logits; default: 174")
    model.add_argument("--segments", type=int, help="frames of a clip, for backbone/temporal; default: 8")
    model.add_argument("--ratio", type=float, help="share of the channels, for backbone/temporal; default: 1")
    model.add_argument("--json", action="store_true", help="one JSON object")
    model.set_defaults(call=_model)
    show = verbs.add_parser("show", help="a contact sheet of training clips, or of a protocol's views")
    show.add_argument("benchmark", help=BENCHMARK)
    show.add_argument("--model", help="a file of params/models; default: of the active study")
    show.add_argument("--recipe", help="a file of params/recipes; default: of the active study")
    show.add_argument("--protocol", help="a file of params/protocols: views of test videos, instead of training clips")
    show.add_argument("--video", action="append", default=[], metavar="ID", help="as in the manifest; may be repeated")
    show.add_argument("--count", type=at_least(1), default=6, help="videos, where none are named; default: 6")
    show.add_argument("--epoch", type=at_least(0), default=0, help="counted from 0; default: 0")
    show.add_argument("--seed", type=at_least(0), default=0, help="of the training; default: 0")
    show.add_argument("--out", type=Path, required=True, metavar="FILE", help="ends in .png, .jpg or .webp")
    show.set_defaults(call=_show_clips)
    export = verbs.add_parser("export", help="a checkpoint as a file for other programs, checked against it")
    export.add_argument("source", help="a checkpoint file, or a run of the active study: gsf-s0")
    export.add_argument("--format", choices=["onnx", "torch"], required=True, help="onnx, or a torch.export")
    export.add_argument("--output", type=Path, required=True, metavar="FILE", help="ends in .onnx or .pt2")
    export.set_defaults(call=_export)


def _model(args: argparse.Namespace) -> None:
    from gsf.deploy.named import named_model
    from gsf.nn.describe import describe

    model = named_model(args.name, num_classes=args.classes, num_segments=args.segments, ratio=args.ratio)
    found = describe(model)
    print(json.dumps(found.to_json(), indent=2) if args.json else found.to_text())


def _show_clips(args: argparse.Namespace) -> None:
    from gsf.project import Project
    from gsf.show.show import Asked, show

    names = ("benchmark", "out", "model", "recipe", "protocol", "count", "epoch", "seed")
    options = {name: getattr(args, name) for name in names}
    print(show(Project.here(), Asked(**options, videos=tuple(args.video))))


def _export(args: argparse.Namespace) -> None:
    from gsf.deploy.export import export_checkpoint

    done = export_checkpoint(args.source, args.output, format=args.format)
    if done.error is None:
        print(f"{done.path}: NOT checked against the checkpoint, onnxruntime is absent: pip install onnxruntime")
    else:
        print(f"{done.path}: outputs agree with the checkpoint's, relative error {done.error:.1e}")
