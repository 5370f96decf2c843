"""init, import, study, demo, doctor: what stands before a run."""

from __future__ import annotations

import argparse
from pathlib import Path

from gsf.verbs.options import Verbs, at_least


def add(verbs: Verbs) -> None:
    """Add the verbs to the parser."""
    init = verbs.add_parser("init", help="a benchmark of your own videos")
    init.add_argument("name", help="name of the benchmark")
    init.add_argument(
        "videos", type=Path, help="folder of class folders, folder with labels.csv, or CSV path,label[,split]"
    )
    init.add_argument("--labels", type=Path, help="CSV path,label[,split], paths relative to VIDEOS")
    kinds = ["videos", "jpeg_folders"]
    init.add_argument("--source", choices=kinds, help="what a video is: a file (default), or a folder of pictures")
    formats = ["ssv1", "ssv2", "kinetics400", "diving48", "epic100", "ucf101"]
    init.add_argument("--published", choices=formats, help="a published benchmark, whose files --annotations holds")
    init.add_argument("--annotations", type=Path, metavar="FOLDER", help="with --published: its annotation files")
    init.add_argument("--split", type=int, choices=[1, 2, 3], help="with --published ucf101; default: 1")
    init.add_argument("--target", choices=["action", "verb", "noun"], help="with epic100; default: action")
    init.add_argument("--flip", choices=["swap", "forbid", "free"], help="what a horizontal flip does to the classes")
    init.add_argument("--flip-pair", action="append", default=[], metavar="A,B", help="classes that a flip swaps")
    init.add_argument("--shards", type=at_least(1), help="LMDB files")
    init.add_argument("--seed", type=at_least(0), help="of the split; default: 0")
    init.set_defaults(call=_init)
    imports = verbs.add_parser("import", help="a checkpoint that was trained elsewhere becomes an experiment")
    imports.add_argument("checkpoint", type=Path, help="file in a released format; it stays where it is")
    imports.add_argument("--benchmark", required=True, help="on which it is to be evaluated")
    imports.add_argument("--name", help="of the experiment; default: temporal module, backbone, benchmark")
    imports.add_argument("--study", help="that gets the experiment, made if need be; default: one of the same name")
    imports.add_argument("--classes", type=Path, help="names in the order of the logits; default: the benchmark's")
    imports.add_argument("--num-segments", type=int, help="frames of a clip; default: as the file tells, or 8")
    imports.add_argument("--input-size", type=int, help="px; default: as published")
    imports.add_argument("--short-side", type=int, help="px; default: as published")
    imports.set_defaults(call=_import)
    study = verbs.add_parser("study", help="make a study of params/studies the active one")
    study.add_argument("name", nargs="?", help="without it: list the studies")
    study.set_defaults(call=_study)
    demo = verbs.add_parser("demo", help="run the built-in benchmark and show what came out")
    demo.set_defaults(call=_demo)
    doctor = verbs.add_parser("doctor", help="what this machine can do, and what is missing")
    doctor.add_argument("--json", action="store_true", help="one JSON object")
    doctor.set_defaults(call=_doctor)


def _init(args: argparse.Namespace) -> None:
    if args.published is not None:
        _init_published(args)
        return
    from gsf.data.init.own import init_benchmark
    from gsf.errors import ParamsError
    from gsf.project import Project

    for option in ("annotations", "split", "target"):
        if getattr(args, option) is not None:
            raise ParamsError(f"gsf init: --{option} must come with --published")
    pairs = [tuple(pair.split(",")) for pair in args.flip_pair]
    summary = init_benchmark(
        Project.here(),
        args.name,
        args.videos,
        labels=args.labels,
        source=args.source,
        flip=args.flip,
        flip_pairs=pairs or None,
        shards=args.shards,
        seed=args.seed or 0,
    )
    print(summary)
    _renew_plan(args.name)


def _init_published(args: argparse.Namespace) -> None:
    from gsf.data.init.published import init_published
    from gsf.errors import ParamsError
    from gsf.project import Project

    if args.annotations is None:
        raise ParamsError("gsf init: --published must come with --annotations FOLDER, which holds the published files")
    for option in ("labels", "source", "flip", "flip_pair", "seed"):
        if getattr(args, option) not in (None, []):
            raise ParamsError(
                f"gsf init: --{option.replace('_', '-')} must not come with --published, whose files and format decide"
                " it; leave it out"
            )
    names = ("annotations", "split", "target", "shards")
    options = {name: getattr(args, name) for name in names}
    print(init_published(Project.here(), args.name, args.videos, format=args.published, **options))
    _renew_plan(args.name)


def _renew_plan(benchmark: str) -> None:
    """The active study gets the shards of additions."""
    from gsf.pipeline.study import renew
    from gsf.project import Project

    active = renew(Project.here(), benchmark)
    if active is not None:
        print(f"wrote params/plan.yaml: the active study, {active}, has the benchmark")


def _import(args: argparse.Namespace) -> None:
    from gsf.imported.init import import_checkpoint
    from gsf.project import Project

    names = ("benchmark", "name", "study", "classes", "num_segments", "input_size", "short_side")
    options = {name: getattr(args, name) for name in names}
    print(import_checkpoint(Project.here(), args.checkpoint, **options))


def _study(args: argparse.Namespace) -> None:
    from gsf.pipeline.study import activate
    from gsf.project import Project

    project = Project.here()
    if args.name is None:
        print("\n".join(sorted(path.stem for path in (project.root / "params" / "studies").glob("*.yaml"))))
        return
    plan = activate(project, args.name)
    print(
        f"params/plan.yaml now holds {plan.study}: {len(plan.benchmarks)} benchmarks, {len(plan.shards)} shards,"
        f" {len(plan.experiments)} trainings, {len(plan.imports)} imports, {len(plan.evaluations)} evaluations,"
        f" {len(plan.ensembles)} ensembles;"
        " next: dvc repro"
    )


def _demo(args: argparse.Namespace) -> int:
    del args
    from gsf.pipeline.demo import run_demo
    from gsf.project import Project

    return run_demo(Project.here())


def _doctor(args: argparse.Namespace) -> int:
    from gsf.doctor.examine import examine
    from gsf.doctor.finding import as_json, as_text, healthy

    findings = examine()
    print(as_json(findings) if args.json else as_text(findings))
    return 0 if healthy(findings) else 1
