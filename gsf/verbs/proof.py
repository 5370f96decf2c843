"""trace and verify."""

from __future__ import annotations

import argparse
import json

from gsf.verbs.options import Verbs, at_least


def add(verbs: Verbs) -> None:
    """Add the verbs to the parser."""
    trace = verbs.add_parser("trace", help="from a number, file, receipt or MLflow run down to the videos")
    trace.add_argument("target", help="benchmark/experiment/protocol/metric, a file, a digest or a run id")
    trace.add_argument("--videos", action="store_true", help="name every video, not the first few")
    trace.add_argument("--json", action="store_true", help="the chain for programs")
    trace.set_defaults(call=_trace)
    ends = "exit code: 0 nothing is broken, 1 something is, 3 other bytes of the same content"
    verify = verbs.add_parser("verify", help="check the chain behind the results", epilog=ends)
    verify.add_argument("target", nargs="?", help="a study or a file; default: all studies with results")
    verify.add_argument("--deep", action="store_true", help="read every byte that is here")
    verify.add_argument("--recompute", action="store_true", help="compute metrics and tables again from the scores")
    verify.add_argument("--replay", type=at_least(1), metavar="N", help="extract and score N random videos again")
    verify.add_argument("--seed", type=at_least(0), default=0, help="of the choice of these videos; default: 0")
    verify.add_argument("--mlflow", action="store_true", help="compare what MLflow shows with journals and receipts")
    verify.add_argument("--json", action="store_true", help="the verdict for programs")
    verify.set_defaults(call=_verify)


def _trace(args: argparse.Namespace) -> None:
    from gsf.project import Project
    from gsf.proof.trace import trace
    from gsf.tracking.runs import receipt_of_run

    found = trace(Project.here(), args.target, all_videos=args.videos, receipt_of_run=receipt_of_run)
    print(json.dumps(found.to_json(), indent=2) if args.json else found.to_text())


def _verify(args: argparse.Namespace) -> int:
    from gsf.project import Project
    from gsf.proof.verify import verify

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
