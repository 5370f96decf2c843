"""`gsf predict`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from gsf.verbs.options import NETWORK, Verbs, add_device, at_least, time_in


def add(verbs: Verbs) -> None:
    """Add the verb to the parser."""
    verb = verbs.add_parser("predict", help="what a trained network says of videos")
    verb.add_argument("videos", nargs="+", type=Path, metavar="VIDEO|FOLDER", help="a folder: of videos, or of frames")
    verb.add_argument("--model", required=True, help=NETWORK)
    verb.add_argument("--protocol", help="a file of params/protocols; default: one clip, centre crop")
    verb.add_argument("--top", type=at_least(1), default=5, help="classes shown of each answer; default: 5")
    seconds = time_in("seconds")
    verb.add_argument("--window", type=seconds, metavar="SECONDS", help="an answer for each window of a long video")
    verb.add_argument("--stride", type=seconds, metavar="SECONDS", help="from window to window; default: half a window")
    verb.add_argument("--timeline", type=Path, metavar="FOLDER", help="with --window: a picture of each video")
    verb.add_argument("--benchmark", help="whose `extract` says how frames are made; default: the model's own")
    add_device(verb)
    verb.add_argument("--csv", type=Path, metavar="FILE", help="write a table too, row by row")
    verb.add_argument("--json", action="store_true", help="one JSON object a line, the first about the network")
    verb.set_defaults(call=_predict)


def _predict(args: argparse.Namespace) -> int:
    from gsf.deploy.trained import find_trained
    from gsf.errors import ParamsError
    from gsf.predict.answers import to_json, to_text, written_table
    from gsf.predict.files import video_files
    from gsf.predict.job import prepare

    if args.window is None and (args.stride is not None or args.timeline is not None):
        raise ParamsError("gsf predict: --stride and --timeline must come with --window SECONDS")
    job = prepare(
        find_trained(args.model),
        protocol=args.protocol,
        benchmark=args.benchmark,
        window=args.window,
        stride=args.stride,
        timelines=args.timeline,
        device=args.device,
    )
    files = video_files(args.videos)
    print(json.dumps(job.facts) if args.json else job.in_words, file=sys.stdout if args.json else sys.stderr)
    failed = 0
    with written_table(args.csv, top=args.top) as write:
        for prediction in job.predictor.predict(files):
            print(json.dumps(to_json(prediction, top=args.top)) if args.json else to_text(prediction, top=args.top))
            sys.stdout.flush()
            write(prediction)
            if prediction.problem is not None:
                failed += 1
                print(f"no answer: {prediction.problem}", file=sys.stderr)
    if failed:
        print(f"{failed} of {len(files)} videos have no answer", file=sys.stderr)
    return 1 if failed else 0
