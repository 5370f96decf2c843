"""`gsf serve`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from gsf.verbs.options import Verbs, add_device, at_least, port


def add(verbs: Verbs) -> None:
    """Add the verb to the parser."""
    verb = verbs.add_parser("serve", help="answer HTTP requests about videos with a registered network")
    verb.add_argument("--model", required=True, help="NAME/VERSION as registered, or the folder of a model")
    verb.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; default: 127.0.0.1, this machine alone"
    )
    verb.add_argument("--port", type=port, default=5001, help="0: any that is free; default: 5001")
    verb.add_argument("--videos", type=Path, metavar="FOLDER", help="requests may name files in it; default: none")
    verb.add_argument("--max-mib", type=at_least(1), metavar="N", help="of the videos in a request; default: 64")
    add_device(verb)
    verb.set_defaults(call=_serve)


def _serve(args: argparse.Namespace) -> None:
    from gsf.serve.limits import FOLDER
    from gsf.serve.server import serve
    from gsf.tracking.loading import load_model

    os.environ["GSF_DEVICE"] = args.device  # the model reads its owner's wishes there, whoever serves it
    if args.videos is not None:
        os.environ[FOLDER] = str(args.videos)
    if args.max_mib is not None:
        os.environ["GSF_SERVE_MAX_BYTES"] = str(args.max_mib << 20)
    serve(load_model(args.model), host=args.host, port=args.port)
