"""The command line: one verb a stage, and the verbs around them. Parses, calls one function, prints.

Heavy packages are imported inside the verb that needs them, so that `gsf --help` answers at once.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from gsf import __version__
from gsf.errors import GsfError, PreemptedError
from gsf.verbs import ensembles, exchange, predict, site, tracking


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; 0, or 1 with an error on stderr that says what, where, the rule and the remedy."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        code = int(args.call(args) or 0)
        sys.stdout.flush()
        return code
    except PreemptedError as error:
        print(error, file=sys.stderr)
        return PreemptedError.EXIT_CODE
    except GsfError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except ValueError as error:
        if os.environ.get("GSF_TRACEBACK"):
            raise
        print(f"error: {error} (GSF_TRACEBACK=1 shows where)", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read this has seen enough: `gsf trace ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13  # as a program that SIGPIPE ends
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS) or os.environ.get("GSF_TRACEBACK"):
            raise
        print(
            f"error: {error.filename}: {error.strerror}, must be open to this account;"
            " in a project that others own, work in a clone of your own: docs/storage.md",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept, the same command goes on", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gsf", description="Video action recognition in which every number is traced to its inputs."
    )
    parser.add_argument("--version", action="version", version=f"gsf {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    _add_setup_verbs(verbs)
    _add_data_stages(verbs)
    _add_network_stages(verbs)
    ensembles.add(verbs)
    _add_network_verbs(verbs)
    _add_proof_verbs(verbs)
    predict.add(verbs)
    _add_engine_verbs(verbs)
    tracking.add(verbs)
    exchange.add(verbs)
    site.add(verbs)
    return parser


Verbs = argparse._SubParsersAction  # the type has no public name


def _at_least(low: int) -> Callable[[str], int]:
    """What argparse calls to read an integer that has a lower bound."""

    def read(text: str) -> int:
        if not text.removeprefix("-").isdecimal() or int(text) < low:
            raise argparse.ArgumentTypeError(f"is {text!r}, must be an integer of {low} or more")
        return int(text)

    return read


def _add_setup_verbs(verbs: Verbs[argparse.ArgumentParser]) -> None:
    init = verbs.add_parser("init", help="a benchmark of your own videos")
    init.add_argument("name", help="name of the benchmark")
    init.add_argument(
        "videos", type=Path, help="folder of class folders, folder with labels.csv, or CSV path,label[,split]"
    )
    init.add_argument("--labels", type=Path, help="CSV path,label[,split], paths relative to VIDEOS")
    formats = ["ssv1", "ssv2", "kinetics400", "diving48", "epic100", "ucf101"]
    init.add_argument("--published", choices=formats, help="a published benchmark, whose files --annotations holds")
    init.add_argument("--annotations", type=Path, metavar="FOLDER", help="with --published: its annotation files")
    init.add_argument("--split", type=int, choices=[1, 2, 3], help="with --published ucf101; default: 1")
    init.add_argument("--target", choices=["action", "verb", "noun"], help="with epic100; default: action")
    init.add_argument("--flip", choices=["swap", "forbid", "free"], help="what a horizontal flip does to the classes")
    init.add_argument("--flip-pair", action="append", default=[], metavar="A,B", help="classes that a flip swaps")
    init.add_argument("--shards", type=_at_least(1), help="LMDB files")
    init.add_argument("--seed", type=_at_least(0), default=0, help="of the split")
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
    doctor.set_defaults(call=_doctor)


def _add_data_stages(verbs: Verbs[argparse.ArgumentParser]) -> None:
    for name, text in (
        ("render", "stage: draw and encode the built-in benchmark"),
        ("scan", "stage: list the folder of videos"),
        ("annotate", "stage: published annotation files become tables of ours"),
        ("inventory", "stage: probe and hash every video, plan the shards"),
        ("manifest", "stage: the lists that the loaders read"),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("benchmark")
        verb.set_defaults(call=_data_stage, stage=name)
    extract = verbs.add_parser("extract", help="stage: decode the videos of one shard into LMDB")
    extract.add_argument("benchmark")
    extract.add_argument("shard")
    extract.add_argument("--processes", type=_at_least(1), help="decoders at once; default: the cores")
    extract.set_defaults(call=_extract)


def _add_network_stages(verbs: Verbs[argparse.ArgumentParser]) -> None:
    for name, text, call in (
        ("train", "stage: train one run of a study", _train),
        ("evaluate", "stage: scores and metrics of one run under one protocol", _evaluate),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("benchmark")
        verb.add_argument("--study", required=True)
        verb.add_argument("--run", required=True, help="experiment and seed: gsf-s0")
        verb.add_argument("--threads", type=_at_least(1), required=True, help="CPU threads; part of the result")
        verb.add_argument("--workers", type=_at_least(0), help="loader processes; default GSF_WORKERS or by cores")
        verb.add_argument("--device", default=os.environ.get("GSF_DEVICE", "auto"), help="auto, cpu, cuda, cuda:N")
        verb.add_argument("--stage", metavar="DIR", help="copy the shards to this node's disk first; default GSF_STAGE")
        if name == "train":
            _add_training_options(verb)
        else:
            verb.add_argument("--protocol", required=True)
            verb.add_argument("--subsets", metavar="PATH", help="subsets of the test videos, for metrics of their own")
        verb.set_defaults(call=call)
    convert = verbs.add_parser("convert", help="stage: one imported network as a checkpoint of ours")
    convert.add_argument("benchmark")
    convert.add_argument("--study", required=True)
    convert.add_argument("--run", required=True, help="name of the experiment")
    convert.add_argument("--imported", required=True, help="a file of params/imports")
    convert.set_defaults(call=_convert)
    report = verbs.add_parser("report", help="stage: the results table and the receipts behind it")
    report.add_argument("study")
    report.set_defaults(call=_report)


def _add_training_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--model", required=True)
    verb.add_argument("--recipe", required=True)
    verb.add_argument("--seed", type=_at_least(0), required=True)
    verb.add_argument(
        "--devices",
        type=_at_least(1),
        default=1,
        help="processes that share the training, one a GPU; part of the result; default: 1",
    )
    verb.add_argument("--save-minutes", type=float, help="between two states on disk; default GSF_SAVE_MINUTES or 10")
    verb.add_argument("--save-steps", type=_at_least(1), help="the same in steps; default: by the clock alone")


def _add_network_verbs(verbs: Verbs[argparse.ArgumentParser]) -> None:
    model = verbs.add_parser("model", help="what a network is: size, cost, temporal modules, preprocessing")
    model.add_argument("name", help="a file of params/models, or backbone/temporal: resnet50/gsf")
    model.add_argument("--classes", type=int, default=174, help="width of the logits; default: 174")
    model.add_argument("--segments", type=int, help="frames of a clip, for backbone/temporal; default: 8")
    model.add_argument("--ratio", type=float, help="share of the channels, for backbone/temporal; default: 1")
    model.add_argument("--json", action="store_true")
    model.set_defaults(call=_model)
    show = verbs.add_parser("show", help="a contact sheet of training clips, or of a protocol's views")
    show.add_argument("benchmark")
    show.add_argument("--model", help="a file of params/models; default: of the active study")
    show.add_argument("--recipe", help="a file of params/recipes; default: of the active study")
    show.add_argument("--protocol", help="a file of params/protocols: views of test videos, instead of training clips")
    show.add_argument("--video", action="append", default=[], metavar="ID", help="as in the manifest; may be repeated")
    show.add_argument("--count", type=_at_least(1), default=6, help="videos, where none are named; default: 6")
    show.add_argument("--epoch", type=_at_least(0), default=0, help="counted from 0")
    show.add_argument("--seed", type=_at_least(0), default=0, help="of the training")
    show.add_argument("--out", type=Path, required=True, metavar="FILE", help="ends in .png, .jpg or .webp")
    show.set_defaults(call=_show_clips)
    export = verbs.add_parser("export", help="a checkpoint as a file for other programs, checked against it")
    export.add_argument("source", help="a checkpoint file, or a run of the active study: gsf-s0")
    export.add_argument("--format", choices=["onnx", "torch"], required=True)
    export.add_argument("--output", type=Path, required=True, metavar="FILE", help="ends in .onnx or .pt2")
    export.set_defaults(call=_export)


def _add_proof_verbs(verbs: Verbs[argparse.ArgumentParser]) -> None:
    trace = verbs.add_parser("trace", help="from a number, file, receipt or MLflow run down to the videos")
    trace.add_argument("target", help="benchmark/experiment/protocol/metric, a file, a digest or a run id")
    trace.add_argument("--videos", action="store_true", help="name every video, not the first few")
    trace.add_argument("--json", action="store_true")
    trace.set_defaults(call=_trace)
    ends = "exit code: 0 nothing is broken, 1 something is, 3 other bytes of the same content"
    verify = verbs.add_parser("verify", help="check the chain behind the results", epilog=ends)
    verify.add_argument("target", nargs="?", help="a study or a file; default: all studies with results")
    verify.add_argument("--deep", action="store_true", help="read every byte that is here")
    verify.add_argument("--recompute", action="store_true", help="compute metrics and tables again from the scores")
    verify.add_argument("--replay", type=int, metavar="N", help="extract and score N random videos again")
    verify.add_argument("--seed", type=int, default=0, help="of the choice of these videos")
    verify.add_argument("--mlflow", action="store_true", help="compare what MLflow shows with journals and receipts")
    verify.add_argument("--json", action="store_true", help="the verdict for programs")
    verify.set_defaults(call=_verify)


def _add_engine_verbs(verbs: Verbs[argparse.ArgumentParser]) -> None:
    record = verbs.add_parser("record", help="after snakemake: check the receipts, then tell DVC")
    record.set_defaults(call=_record)
    sync = verbs.add_parser("sync", help="after dvc repro or pull: tell Snakemake")
    sync.set_defaults(call=_sync)
    deps = verbs.add_parser("deps", help="code dependencies in dvc.yaml: check, or renew with --write")
    deps.add_argument("--write", action="store_true")
    deps.set_defaults(call=_deps)


def _init(args: argparse.Namespace) -> None:
    if args.published is not None:
        _init_published(args)
        return
    from gsf.data.init import init_benchmark
    from gsf.errors import ParamsError
    from gsf.pipeline.study import renew
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
        flip=args.flip,
        flip_pairs=pairs or None,
        shards=args.shards,
        seed=args.seed,
    )
    print(summary)
    active = renew(Project.here(), args.name)
    if active is not None:
        print(f"wrote params/plan.yaml: the active study, {active}, has the benchmark")


def _init_published(args: argparse.Namespace) -> None:
    from gsf.data.init_published import init_published
    from gsf.errors import ParamsError
    from gsf.project import Project

    if args.annotations is None:
        raise ParamsError("gsf init: --published must come with --annotations FOLDER, which holds the published files")
    if args.labels is not None or args.flip is not None or args.flip_pair:
        raise ParamsError(
            "gsf init: --published must come without --labels, --flip and --flip-pair: the files say them"
        )
    names = ("annotations", "split", "target", "shards")
    options = {name: getattr(args, name) for name in names}
    print(init_published(Project.here(), args.name, args.videos, format=args.published, **options))


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
    del args
    from gsf.pipeline.doctor import examine

    lines, healthy = examine()
    print("\n".join(lines))
    return 0 if healthy else 1


def _data_stage(args: argparse.Namespace) -> None:
    from gsf.project import Project

    project = Project.here()
    if args.stage == "scan":
        from gsf.data import listing

        changed = listing.run(project, args.benchmark)
        print(f"{args.benchmark}: the listing {'changed' if changed else 'is as it was'}")
        return
    from importlib import import_module

    home = {
        "render": "gsf.video.render",
        "annotate": "gsf.data.published.stage",
        "inventory": "gsf.data.inventory",
        "manifest": "gsf.data.manifest",
    }
    _show(import_module(home[args.stage]).run(project, args.benchmark))


def _extract(args: argparse.Namespace) -> None:
    from gsf.project import Project
    from gsf.store.extract import run

    _show(run(Project.here(), args.benchmark, args.shard, processes=args.processes))


def _train(args: argparse.Namespace) -> int:
    if args.devices > 1 and "WORLD_SIZE" not in os.environ:
        from gsf.train.launch import launch

        return launch(args.devices, sys.argv[1:])
    _stage_shards(args)
    from gsf.project import Project
    from gsf.tracking.observers import training_observer
    from gsf.train.running import running_here
    from gsf.train.stage import run

    project = Project.here()
    names = ("benchmark", "study", "run", "model", "recipe", "seed", "threads", "device")
    receipt = run(
        project,
        **{name: getattr(args, name) for name in names},
        running=running_here(workers=args.workers, save_minutes=args.save_minutes, save_steps=args.save_steps),
        observer=training_observer(project, study=args.study, run=args.run),
    )
    if os.environ.get("RANK", "0") == "0":
        _show(receipt)
    return 0


def _stage_shards(args: argparse.Namespace) -> None:
    """`--stage`, which like GSF_STAGE is a matter of this machine and no argument of a stage."""
    if args.stage is not None:
        os.environ["GSF_STAGE"] = args.stage


def _convert(args: argparse.Namespace) -> None:
    from gsf.imported.stage import run
    from gsf.project import Project

    _show(run(Project.here(), **{name: getattr(args, name) for name in ("benchmark", "study", "run", "imported")}))


def _evaluate(args: argparse.Namespace) -> None:
    _stage_shards(args)
    from gsf.evaluate.stage import run
    from gsf.project import Project

    names = ("benchmark", "study", "run", "protocol", "threads", "subsets", "workers", "device")
    _show(run(Project.here(), **{name: getattr(args, name) for name in names}))


def _report(args: argparse.Namespace) -> None:
    from gsf.project import Project
    from gsf.report.stage import run
    from gsf.tracking.observers import sync_quietly

    project = Project.here()
    _show(run(project, args.study))
    sync_quietly(project)
    print(f"results/{args.study}/README.md holds the table; `gsf verify {args.study}` checks it")


def _model(args: argparse.Namespace) -> None:
    from gsf.deploy.named import named_model
    from gsf.nn.describe import describe

    model = named_model(args.name, num_classes=args.classes, num_segments=args.segments, ratio=args.ratio)
    found = describe(model)
    print(json.dumps(found.to_json(), indent=2) if args.json else found.to_text())


def _show_clips(args: argparse.Namespace) -> None:
    from gsf.data.show import Asked, show
    from gsf.project import Project

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


def _trace(args: argparse.Namespace) -> None:
    from gsf.project import Project
    from gsf.provenance.trace import trace

    found = trace(Project.here(), args.target, all_videos=args.videos)
    print(json.dumps(found.to_json(), indent=2) if args.json else found.to_text())


def _verify(args: argparse.Namespace) -> int:
    from gsf.project import Project
    from gsf.provenance.verify import verify

    verdict = verify(Project.here(), args.target, deep=args.deep)
    if args.recompute:
        from gsf.report.recompute import recomputed

        verdict = recomputed(Project.here(), verdict)
    if args.replay is not None:
        from gsf.report.replay import replayed

        verdict = replayed(Project.here(), verdict, count=args.replay, seed=args.seed)
    if args.mlflow:
        from gsf.tracking.checking import projected

        verdict = projected(Project.here(), verdict)
    print(json.dumps(verdict.to_json(), indent=2) if args.json else verdict.to_text())
    return verdict.exit_code


def _record(args: argparse.Namespace) -> None:
    del args
    from gsf.pipeline.record import record
    from gsf.project import Project

    print(record(Project.here()))


def _sync(args: argparse.Namespace) -> None:
    del args
    from gsf.pipeline.sync import sync
    from gsf.project import Project

    print(sync(Project.here()))


def _deps(args: argparse.Namespace) -> int:
    from gsf.pipeline.code_deps import check, write
    from gsf.project import Project

    project = Project.here()
    if args.write:
        print(write(project))
        return 0
    problems = check(project)
    print("\n".join(problems) or "dvc.yaml lists exactly the modules that the stages import")
    return 1 if problems else 0


def _show(receipt: object) -> None:
    """One line about a stage that ended."""
    stage, digest = getattr(receipt, "stage", ""), getattr(receipt, "digest", "")
    print(f"{stage}: done, receipt {digest[:12]}")


if __name__ == "__main__":
    sys.exit(main())
