"""`gsf stream`."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gsf.verbs.options import Verbs, add_device, at_least, time_in

if TYPE_CHECKING:
    from gsf.stream.following import Answered
    from gsf.stream.job import Job
    from gsf.stream.window import Window
    from gsf.stream.writing import VideoWriter


def add(verbs: Verbs) -> None:
    """Add the verb to the parser."""
    verb = verbs.add_parser("stream", help="what a causal network says of a camera, a pipe or a file, as it goes")
    verb.add_argument("source", metavar="SOURCE", help="a video file, a camera (/dev/video0), or - for a pipe")
    verb.add_argument("--model", required=True, help="a causal run of the active study (gsf-causal-s0), or its file")
    verb.add_argument("--json", action="store_true", help="one JSON object a line: the network, answers, a summary")
    verb.add_argument("--out", metavar="FILE", help="draw answers into a video (.mp4, .mkv; - for a player's pipe)")
    verb.add_argument("--show", action="store_true", help="draw answers in a window")
    verb.add_argument("--rate", type=float, help="frames a second for the network; default: as it was trained")
    verb.add_argument("--behind", choices=("drop", "wait"), help="where the network is slower than the stream")
    verb.add_argument("--realtime", action="store_true", help="play a file at its own speed")
    verb.add_argument("--format", metavar="NAME", help="what a pipe sends; a raw one must be named: mjpeg, h264, ...")
    patience = "seconds without a picture that end it; default: 60"
    verb.add_argument("--patience", type=time_in("seconds"), default=60.0, help=patience)
    verb.add_argument("--top", type=at_least(1), default=5, help="classes of each answer in JSON; default: 5")
    verb.add_argument("--benchmark", help="whose `extract` says how frames are made; default: the model's own")
    add_device(verb)
    verb.set_defaults(call=_stream)


def _stream(args: argparse.Namespace) -> int:
    from gsf.deploy.trained import find_trained
    from gsf.errors import ParamsError
    from gsf.interrupts import ended_by
    from gsf.stream.job import prepare
    from gsf.stream.window import Window
    from gsf.stream.words import summary_text
    from gsf.stream.writing import VideoWriter, check_target
    from gsf.video.source import source_of

    if args.out == "-" and args.json:
        raise ParamsError("gsf stream: --json and --out - both want the standard output; give the video a file")
    source = source_of(args.source, form=args.format)
    if args.out is not None:
        check_target(args.out, read=Path(args.source) if source.kind == "file" else None)
    job = prepare(
        find_trained(args.model),
        source,
        rate=args.rate,
        behind=args.behind,
        realtime=args.realtime,
        patience=args.patience,
        view=args.out is not None or args.show,
        benchmark=args.benchmark,
        device=args.device,
    )
    beside = sys.stdout if args.json else sys.stderr  # where words go that are no answers
    print(json.dumps(job.facts) if args.json else job.in_words, file=beside, flush=True)
    with ended_by(signal.SIGTERM, signal.SIGHUP), contextlib.ExitStack() as stack:
        writer = stack.enter_context(VideoWriter(args.out)) if args.out is not None else None
        window = stack.enter_context(Window(args.source)) if args.show else None
        try:
            with contextlib.suppress(KeyboardInterrupt):  # how one ends a camera; so do the signals above
                _follow(job, args, writer, window)
        finally:  # whatever ends a stream, what it came to is said
            summary = job.following.summary
            print(json.dumps({"summary": summary}) if args.json else summary_text(summary), file=beside)
    return 0


def _follow(job: Job, args: argparse.Namespace, writer: VideoWriter | None, window: Window | None) -> None:
    from gsf.stream.draw import overlay
    from gsf.stream.words import said_below, to_json, to_text

    known: Answered | None = None
    with contextlib.closing(job.following.answers()) as answers:
        for answered in answers:
            if answered.look is not None:
                known = answered
                if args.out != "-":
                    print(json.dumps(to_json(answered, top=args.top)) if args.json else to_text(answered), flush=True)
            if answered.view is None:
                continue
            said = () if known is None or known.look is None else known.look.probabilities
            picture = overlay(answered.view, said, "" if known is None else said_below(known))
            if writer is not None:
                writer.write(picture, answered.seconds)
            if window is not None and not window.show(picture):
                break
