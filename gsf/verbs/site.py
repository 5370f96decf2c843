"""The verbs of the results site: the pages, and the pictures that they show."""

from __future__ import annotations

import argparse
from pathlib import Path

from gsf.verbs.options import STUDY, Verbs, add_device, at_least


def add(verbs: Verbs) -> None:
    """Add `gsf site`, `gsf frames`, `gsf gates` and `gsf speed`."""
    site = verbs.add_parser("site", help="static pages of all results, from each number down to the frames")
    site.add_argument("--to", type=Path, metavar="FOLDER", help="default: results/site, which git ignores")
    site.set_defaults(call=_site)
    frames = verbs.add_parser("frames", help="pictures for the site: a few frames of every test video")
    frames.add_argument("study", help=STUDY)
    frames.add_argument("--to", type=Path, metavar="FOLDER", help="outside of the project, for videos with terms")
    frames.set_defaults(call=_frames)
    gates = verbs.add_parser("gates", help="pictures for the site: what each layer of a trained GSF shifts and fuses")
    gates.add_argument("study", help=STUDY)
    gates.add_argument("--run", help="default: the first network of the study that has gates")
    gates.add_argument("--video", action="append", default=[], metavar="ID", help="default: one of each class")
    gates.add_argument("--to", type=Path, metavar="FOLDER", help="outside of the project, for videos with terms")
    gates.set_defaults(call=_gates)
    speed = verbs.add_parser("speed", help="for the site: how many clips a second the networks of a study classify")
    speed.add_argument("study", help=STUDY)
    add_device(speed)
    speed.add_argument("--threads", type=at_least(1), help="of the CPU; default: all cores that this process may use")
    speed.set_defaults(call=_speed)


def _site(args: argparse.Namespace) -> None:
    from gsf.project import Project
    from gsf.site.build import build

    print(build(Project.here(), to=args.to))


def _frames(args: argparse.Namespace) -> None:
    from gsf.project import Project
    from gsf.site.draw_frames import draw_frames

    print(draw_frames(Project.here(), args.study, to=args.to))


def _gates(args: argparse.Namespace) -> None:
    from gsf.project import Project
    from gsf.site.draw_gates import Asked, draw_gates

    asked = Asked(study=args.study, run=args.run, videos=tuple(args.video), to=args.to)
    print(draw_gates(Project.here(), asked))


def _speed(args: argparse.Namespace) -> None:
    from gsf.project import Project
    from gsf.site.measure_speed import measure_speed

    print(measure_speed(Project.here(), args.study, device=args.device, threads=args.threads))
