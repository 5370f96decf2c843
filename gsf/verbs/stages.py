"""The stages from manifests to a results table."""

from __future__ import annotations

import argparse
import os
import sys

from gsf.verbs.options import BENCHMARK, Verbs, add_device, at_least, show_receipt, time_in


def add(verbs: Verbs) -> None:
    """Add the verbs to the parser."""
    for name, text, call in (
        ("train", "stage: train one run of a study", _train),
        ("evaluate", "stage: scores and metrics of one run under one protocol", _evaluate),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("benchmark", help=BENCHMARK)
        verb.add_argument("--study", required=True, help="that the run belongs to")
        verb.add_argument("--run", required=True, help="experiment and seed: gsf-s0")
        verb.add_argument("--threads", type=at_least(1), required=True, help="CPU threads; part of the result")
        verb.add_argument("--workers", type=at_least(0), help="loader processes; default GSF_WORKERS or by cores")
        add_device(verb)
        verb.add_argument("--stage", metavar="DIR", help="copy the shards to this node's disk first; default GSF_STAGE")
        if name == "train":
            _add_training_options(verb)
        else:
            verb.add_argument("--protocol", required=True, help="a file of params/protocols")
            verb.add_argument("--subsets", metavar="PATH", help="subsets of the test videos, for metrics of their own")
        verb.set_defaults(call=call)
    convert = verbs.add_parser("convert", help="stage: one imported network as a checkpoint of ours")
    convert.add_argument("benchmark", help=BENCHMARK)
    convert.add_argument("--study", required=True, help="that has the network among its experiments")
    convert.add_argument("--run", required=True, help="name of the experiment")
    convert.add_argument("--imported", required=True, help="a file of params/imports")
    convert.set_defaults(call=_convert)
    report = verbs.add_parser("report", help="stage: the results table and the receipts behind it")
    report.add_argument("study", help="the active one")
    report.set_defaults(call=_report)


def _add_training_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--model", required=True, help="a file of params/models")
    verb.add_argument("--recipe", required=True, help="a file of params/recipes")
    verb.add_argument("--seed", type=at_least(0), required=True, help="of the weights, the order and the augmentation")
    verb.add_argument(
        "--devices",
        type=at_least(1),
        default=1,
        help="processes that share the training, one a GPU; part of the result; default: 1",
    )
    minutes = "between two states on disk; default GSF_SAVE_MINUTES or 10"
    verb.add_argument("--save-minutes", type=time_in("minutes"), help=minutes)
    verb.add_argument("--save-steps", type=at_least(1), help="the same in steps; default: by the clock alone")


def _stage_shards(args: argparse.Namespace) -> None:
    """`--stage`, which like GSF_STAGE is a matter of this machine and no argument of a stage."""
    if args.stage is not None:
        os.environ["GSF_STAGE"] = args.stage


def _train(args: argparse.Namespace) -> int:
    if args.devices > 1 and "WORLD_SIZE" not in os.environ:
        from gsf.train.launch import launch

        return launch(args.devices, sys.argv[1:])
    _stage_shards(args)
    from gsf.project import Project
    from gsf.tracking.observers import training_observer
    from gsf.train.asked_alone import asked_alone
    from gsf.train.running import running_here
    from gsf.train.stage import run

    project = Project.here()
    names = ("benchmark", "study", "run", "model", "recipe", "seed", "threads", "device")
    with asked_alone():
        receipt = run(
            project,
            **{name: getattr(args, name) for name in names},
            running=running_here(workers=args.workers, save_minutes=args.save_minutes, save_steps=args.save_steps),
            observer=training_observer(project, study=args.study, run=args.run),
        )
    if os.environ.get("RANK", "0") == "0":
        show_receipt(receipt)
    return 0


def _convert(args: argparse.Namespace) -> None:
    from gsf.imported.stage import run
    from gsf.project import Project

    show_receipt(
        run(Project.here(), **{name: getattr(args, name) for name in ("benchmark", "study", "run", "imported")})
    )


def _evaluate(args: argparse.Namespace) -> None:
    _stage_shards(args)
    from gsf.evaluate.stage import run
    from gsf.project import Project

    names = ("benchmark", "study", "run", "protocol", "threads", "subsets", "workers", "device")
    show_receipt(run(Project.here(), **{name: getattr(args, name) for name in names}))


def _report(args: argparse.Namespace) -> None:
    from gsf.project import Project
    from gsf.report.stage import run
    from gsf.tracking.observers import sync_quietly

    project = Project.here()
    show_receipt(run(project, args.study))
    sync_quietly(project)
    print(f"results/{args.study}/README.md holds the table; `gsf verify {args.study}` checks it")
