"""`gsf explain` and `gsf app`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gsf.verbs.options import NETWORK, Verbs, add_device, at_least, port, time_in

if TYPE_CHECKING:
    from gsf.deploy.trained import Trained
    from gsf.predict.job import Job


def add(verbs: Verbs) -> None:
    """Add the verbs to the parser."""
    verb = verbs.add_parser("explain", help="what a trained network looks at in a video, as a picture and a film")
    verb.add_argument("video", type=Path, metavar="VIDEO", help="a file, or a folder of frames")
    verb.add_argument("--model", required=True, help=NETWORK)
    verb.add_argument("--out", type=Path, default=Path("explained"), metavar="FOLDER", help="default: explained")
    verb.add_argument(
        "--layers", default="", metavar="NAMES", help="names or patterns, separated by commas; default: all"
    )
    verb.add_argument("--class", dest="label", metavar="NAME", help="evidence for this class; default: the answer")
    verb.add_argument("--protocol", help="a file of params/protocols; default: one clip, centre crop")
    verb.add_argument("--view", type=at_least(1), default=1, help="which of the protocol's views; default: 1")
    verb.add_argument(
        "--start", type=time_in("seconds", zero=True), metavar="SECONDS", help="where the clip begins; default: 0"
    )
    verb.add_argument(
        "--seconds", type=time_in("seconds"), help="how long the clip is; default: to the end of the video"
    )
    verb.add_argument("--benchmark", help="whose `extract` says how frames are made; default: the model's own")
    add_device(verb)
    verb.set_defaults(call=_explain)
    app = verbs.add_parser("app", help="a trained network in the browser, on this machine alone")
    app.add_argument("--model", required=True, help=NETWORK)
    app.add_argument("--port", type=port, default=7860, help="0: any that is free; default: 7860")
    app.add_argument(
        "--examples", type=Path, metavar="FOLDER", help="of videos to choose; default: rendered test videos"
    )
    app.add_argument(
        "--window", type=time_in("seconds"), default=2.0, metavar="SECONDS", help="of the timeline; default: 2"
    )
    app.add_argument("--protocol", help="a file of params/protocols; default: one clip, centre crop")
    app.add_argument("--benchmark", help="whose `extract` says how frames are made; default: the model's own")
    app.add_argument("--limit-mb", type=at_least(1), default=200, help="of a file that is sent; default: 200")
    app.add_argument("--limit-seconds", type=at_least(1), default=60, help="for decoding a video; default: 60")
    add_device(app)
    app.set_defaults(call=_app)


def _explain(args: argparse.Namespace) -> None:
    import sys
    from contextlib import closing

    from gsf.deploy.trained import find_trained
    from gsf.explain.explain import Asked, explain, in_words, write
    from gsf.predict.files import shown_name, video_digest
    from gsf.predict.frames import VideoFrames

    job = _prepared(args, find_trained(args.model))
    print(job.in_words, file=sys.stderr)
    layers = tuple(name for name in args.layers.split(",") if name)
    asked = Asked(layers=layers, label=args.label, view=args.view, start=args.start, seconds=args.seconds)
    with closing(VideoFrames(args.video, job.predictor.how.extract, name=shown_name(args.video))) as frames:
        found = explain(job.predictor, frames, asked)
    written = write(args.out, found, job.facts, digest=video_digest(args.video))
    label, value = found.answer.probabilities[0]
    print(f"{found.video}: {label} {100 * value:.1f} %; {in_words(found)}")
    print("\n".join(str(path) for path in written))


def _app(args: argparse.Namespace) -> None:
    from gsf.app.desk import Limits
    from gsf.app.serve import require, serve
    from gsf.deploy.trained import find_trained

    require()
    trained = find_trained(args.model)
    job = _prepared(args, trained)
    limits = Limits(megabytes=args.limit_mb, seconds=float(args.limit_seconds))
    print(job.in_words)
    serve(
        job,
        trained,
        port=args.port,
        limits=limits,
        window=args.window,
        examples=args.examples,
        say=lambda address: print(f"open {address} in a browser on this machine; Ctrl-C ends it", flush=True),
    )


def _prepared(args: argparse.Namespace, trained: Trained) -> Job:
    from gsf.predict.job import prepare

    return prepare(
        trained,
        protocol=args.protocol,
        benchmark=args.benchmark,
        window=None,
        stride=None,
        timelines=None,
        device=args.device,
    )
