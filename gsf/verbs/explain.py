"""`gsf explain` and `gsf app`."""

from __future__ import annotations

import argparse
from pathlib import Path

from gsf.verbs.options import Verbs, at_least


def add(verbs: Verbs) -> None:
    """Add the verbs to the parser."""
    verb = verbs.add_parser("explain", help="what a trained network looks at in a video, as a picture and a film")
    verb.add_argument("video", type=Path, metavar="VIDEO")
    verb.add_argument("--model", required=True, help="a run of the active study (gsf-s0), or a checkpoint file")
    verb.add_argument("--out", type=Path, default=Path("explained"), metavar="FOLDER", help="default: explained")
    verb.add_argument(
        "--layers", default="", metavar="NAMES", help="names or patterns, separated by commas; default: all"
    )
    verb.add_argument("--class", dest="label", metavar="NAME", help="evidence for this class; default: the answer")
    verb.add_argument("--protocol", help="a file of params/protocols; default: one clip, centre crop")
    verb.add_argument("--view", type=at_least(1), default=1, help="which of the protocol's views; default: 1")
    verb.add_argument("--start", type=float, metavar="SECONDS", help="where the clip begins; default: 0")
    verb.add_argument("--seconds", type=float, help="how long the clip is; default: to the end of the video")
    verb.add_argument("--benchmark", help="whose `extract` says how frames are made; default: the model's own")
    verb.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    verb.set_defaults(call=_explain)


def _explain(args: argparse.Namespace) -> None:
    import sys
    from contextlib import closing

    from gsf.deploy.trained import find_trained
    from gsf.explain.explain import Asked, explain, in_words, write
    from gsf.predict.frames import VideoFrames
    from gsf.predict.job import prepare

    job = prepare(
        find_trained(args.model),
        protocol=args.protocol,
        benchmark=args.benchmark,
        window=None,
        stride=None,
        timelines=None,
        device=args.device,
    )
    print(job.in_words, file=sys.stderr)
    layers = tuple(name for name in args.layers.split(",") if name)
    asked = Asked(layers=layers, label=args.label, view=args.view, start=args.start, seconds=args.seconds)
    with closing(VideoFrames(args.video, job.predictor.how.extract, name=args.video.name)) as frames:
        found = explain(job.predictor, frames, asked)
    written = write(args.out, found, job.facts)
    label, value = found.answer.probabilities[0]
    print(f"{found.video}: {label} {100 * value:.1f} %; {in_words(found)}")
    print("\n".join(str(path) for path in written))
