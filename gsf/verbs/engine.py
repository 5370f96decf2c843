"""record, sync, deps: what keeps DVC, Snakemake and dvc.yaml in step."""

from __future__ import annotations

import argparse

from gsf.verbs.options import Verbs


def add(verbs: Verbs) -> None:
    """Add the verbs to the parser."""
    record = verbs.add_parser("record", help="after snakemake: check the receipts, then tell DVC")
    record.set_defaults(call=_record)
    sync = verbs.add_parser("sync", help="after dvc repro or pull: tell Snakemake")
    sync.set_defaults(call=_sync)
    deps = verbs.add_parser("deps", help="code dependencies in dvc.yaml: check, or renew with --write")
    deps.add_argument("--write", action="store_true", help="renew them, instead of a check")
    deps.set_defaults(call=_deps)


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
