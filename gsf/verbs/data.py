"""The stages from videos to manifests."""

from __future__ import annotations

import argparse

from gsf.verbs.options import BENCHMARK, Verbs, at_least, show_receipt


def add(verbs: Verbs) -> None:
    """Add the verbs to the parser."""
    for name, text in (
        ("render", "stage: draw and encode the built-in benchmark"),
        ("scan", "stage: list the folder of videos"),
        ("annotate", "stage: published annotation files become tables of ours"),
        ("inventory", "stage: probe and hash every video, plan the shards"),
        ("manifest", "stage: the lists that the loaders read"),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("benchmark", help=BENCHMARK)
        verb.set_defaults(call=_data_stage, stage=name)
    extract = verbs.add_parser("extract", help="stage: decode the videos of one shard into LMDB")
    extract.add_argument("benchmark", help=BENCHMARK)
    extract.add_argument("shard", help="its number: 00, 01, ...")
    extract.add_argument("--processes", type=at_least(1), help="decoders at once; default: the cores")
    extract.set_defaults(call=_extract)


def _data_stage(args: argparse.Namespace) -> None:
    from gsf.project import Project

    project = Project.here()
    if args.stage == "scan":
        from gsf.pipeline.listings import list_videos

        changed = list_videos(project, args.benchmark)
        print(f"{args.benchmark}: the listing {'changed' if changed else 'is as it was'}")
        return
    if args.stage == "annotate":
        from gsf.data.remedies import annotate

        show_receipt(annotate(project, args.benchmark))
        return
    from importlib import import_module

    home = {
        "render": "gsf.video.render",
        "inventory": "gsf.data.inventory",
        "manifest": "gsf.data.manifest",
    }
    show_receipt(import_module(home[args.stage]).run(project, args.benchmark))


def _extract(args: argparse.Namespace) -> None:
    from gsf.project import Project
    from gsf.store.extract import run

    show_receipt(run(Project.here(), args.benchmark, args.shard, processes=args.processes))
