"""Verbs that hand results and benchmarks to other programs, and that sign results."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from gsf.verbs.options import BENCHMARK, STUDY, Verbs

if TYPE_CHECKING:
    from gsf.proof.findings import Verdict


def add(verbs: Verbs) -> None:
    """Add the verbs of this area."""
    crate = verbs.add_parser("export-crate", help="the results of a study as a Workflow Run RO-Crate")
    crate.add_argument("study", help=STUDY)
    crate.add_argument("--to", type=Path, metavar="PLACE", help="new folder, or .zip file; default: STUDY-crate.zip")
    crate.add_argument("--licence", metavar="URL", help="of what is in the crate; default: the project's LICENSE")
    crate.set_defaults(call=_export_crate)
    croissant = verbs.add_parser("export-croissant", help="a benchmark as a Croissant description of a data set")
    croissant.add_argument("benchmark", help=BENCHMARK)
    croissant.add_argument("--to", type=Path, metavar="FOLDER", help="new folder; default: BENCHMARK-croissant")
    croissant.set_defaults(call=_export_croissant)
    crate = verbs.add_parser("verify-crate", help="check a crate by itself: files, receipts, metadata")
    crate.add_argument("crate", type=Path, help="folder or ZIP file")
    crate.add_argument("--json", action="store_true", help="the verdict for programs")
    crate.set_defaults(call=_verify_crate)
    croissant = verbs.add_parser("verify-croissant", help="hold a described data set against the benchmark here")
    croissant.add_argument("benchmark", help=BENCHMARK)
    croissant.add_argument(
        "--at", type=Path, metavar="FOLDER", help="where the description is; default: BENCHMARK-croissant"
    )
    croissant.add_argument("--json", action="store_true", help="the verdict for programs")
    croissant.set_defaults(call=_verify_croissant)
    sign = verbs.add_parser("sign", help="sign the results of a study")
    sign.add_argument("study", nargs="?", help=STUDY)
    sign.add_argument("--key", type=Path, metavar="FILE", help="private key")
    sign.add_argument("--new-key", type=Path, metavar="FILE", help="instead: make a key pair, FILE and FILE.pub")
    sign.set_defaults(call=_sign)
    check = verbs.add_parser("verify-signature", help="hold the results of a study against their signature")
    check.add_argument("study", help=STUDY)
    check.add_argument("--key", type=Path, required=True, metavar="FILE", help="public key of who is to have signed")
    check.set_defaults(call=_verify_signature)


def _export_crate(args: argparse.Namespace) -> None:
    from gsf.exchange.crate import export_crate
    from gsf.project import Project

    to = args.to or Path(f"{args.study}-crate.zip")
    print(export_crate(Project.here(), args.study, to, licence=args.licence).to_text())


def _export_croissant(args: argparse.Namespace) -> None:
    from gsf.exchange.croissant import export_croissant
    from gsf.project import Project

    to = args.to or Path(f"{args.benchmark}-croissant")
    print(export_croissant(Project.here(), args.benchmark, to).to_text())


def _verify_crate(args: argparse.Namespace) -> int:
    from gsf.exchange.crate_check import check_crate

    return _shown(check_crate(args.crate), as_json=args.json)


def _verify_croissant(args: argparse.Namespace) -> int:
    from gsf.exchange.croissant_check import check_croissant
    from gsf.project import Project

    at = args.at or Path(f"{args.benchmark}-croissant")
    return _shown(check_croissant(Project.here(), args.benchmark, at), as_json=args.json)


def _shown(verdict: Verdict, *, as_json: bool) -> int:
    print(json.dumps(verdict.to_json(), indent=2) if as_json else verdict.to_text())
    return verdict.exit_code


def _sign(args: argparse.Namespace) -> None:
    from gsf.errors import ParamsError
    from gsf.exchange.keys import new_key_pair
    from gsf.exchange.signature import sign
    from gsf.project import Project

    if (args.new_key is None) == (args.study is None or args.key is None) or (args.new_key and args.key):
        raise ParamsError("gsf sign: must come with STUDY and --key FILE, or with --new-key FILE alone")
    if args.new_key is not None:
        public, keyid = new_key_pair(args.new_key)
        print(f"{args.new_key}: private key, keep it; {public}: public key {keyid[:12]}, give it away")
        return
    project = Project.here()
    path = sign(project, args.study, args.key)
    print(f"{project.relative(path)}: signed; commit it with the results")


def _verify_signature(args: argparse.Namespace) -> None:
    from gsf.exchange.signature import check_signature
    from gsf.project import Project

    print(check_signature(Project.here(), args.study, args.key).to_text())
