"""`gsf mlflow`: what keeps MLflow in step with journals and receipts."""

from __future__ import annotations

import argparse

from gsf.verbs.options import Verbs


def add(verbs: Verbs) -> None:
    """Add `mlflow` and its actions."""
    mlflow = verbs.add_parser("mlflow", help="bring MLflow up to date, make it anew, register a trained network")
    actions = mlflow.add_subparsers(title="actions", metavar="ACTION", required=True)
    sync = actions.add_parser("sync", help="write what MLflow lacks of the journals and receipts here")
    sync.set_defaults(call=_sync)
    init = actions.add_parser("init", help="create tables and experiment before many processes meet them")
    init.add_argument("study", nargs="?", help="default: the active one")
    init.set_defaults(call=_init)
    rebuild = actions.add_parser("rebuild", help="make MLflow anew; what was there is kept aside")
    rebuild.add_argument("--force", action="store_true", help="also where others have runs there")
    rebuild.set_defaults(call=_rebuild)
    register = actions.add_parser("register", help="verify a trained network, then register it as a model")
    register.add_argument("run", help="experiment and seed: gsf-s0")
    register.add_argument("--study", help="default: the active one")
    register.add_argument("--name", help="of the registered model; default: study and run, such as demo.gsf-s0")
    register.add_argument(
        "--protocol", help="how it looks at videos: of params/protocols; default: one clip, centre crop"
    )
    register.set_defaults(call=_register)


def _sync(args: argparse.Namespace) -> None:
    del args
    from gsf.project import Project
    from gsf.tracking.mlflow_projection import sync

    print(sync(Project.here()))


def _init(args: argparse.Namespace) -> None:
    from gsf.project import Project
    from gsf.tracking.mlflow_projection import prepare

    print(prepare(Project.here(), args.study))


def _rebuild(args: argparse.Namespace) -> None:
    from gsf.project import Project
    from gsf.tracking.rebuilding import rebuild

    print(rebuild(Project.here(), force=args.force))


def _register(args: argparse.Namespace) -> None:
    from gsf.project import Project
    from gsf.tracking.registry import register

    print(register(Project.here(), args.run, study=args.study, name=args.name, protocol=args.protocol))
