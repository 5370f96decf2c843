"""`gsf ensemble`: the stage that averages evaluations."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gsf.verbs.options import BENCHMARK, Verbs

if TYPE_CHECKING:
    from gsf.provenance.receipt import Receipt


def add(verbs: Verbs) -> None:
    """Add the verb."""
    verb = verbs.add_parser("ensemble", help="stage: evaluations of the same videos, averaged")
    verb.add_argument("benchmark", help=BENCHMARK)
    verb.add_argument("--study", required=True, help="whose evaluations are averaged")
    verb.add_argument("--run", required=True, help="the ensemble's name and seed: gsf-all-s0")
    verb.add_argument("--members", required=True, metavar="LIST", help="gsf-s0/8x1x1:1,gsf16-s0/16x1x1:2 with weights")
    verb.add_argument(
        "--average", choices=["probabilities", "logits"], default="probabilities", help="what is averaged"
    )
    verb.add_argument("--subsets", metavar="PATH", help="subsets of the test videos, for metrics of their own")
    verb.set_defaults(call=_ensemble)


def _ensemble(args: argparse.Namespace) -> None:
    from gsf.evaluate.ensemble import run
    from gsf.project import Project

    names = ("benchmark", "study", "run", "members", "average", "subsets")
    receipt: Receipt = run(Project.here(), **{name: getattr(args, name) for name in names})
    print(f"{receipt.stage}: done, receipt {receipt.digest[:12]}")
