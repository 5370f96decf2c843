"""What the stages of a benchmark did later, for another study than the one that is verified.

A benchmark's data belong to no study. Results of a study that is not the active one keep their receipts and evidence in
git, while `data/` and dvc.lock follow the active one. What lies there is then no damage, as long as it is what the run
that dvc.lock has read or wrote.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gsf.project import Project
from gsf.proof.chain import whole_chain, work_receipt_path
from gsf.proof.findings import Finding
from gsf.provenance.hashing import canonical_json
from gsf.provenance.receipt import Receipt

SHARED = frozenset({"render", "annotate", "inventory", "plan", "extract", "manifest"})  # stages that belong to no study


@dataclass(frozen=True)
class Later:
    """Receipts of later runs that dvc.lock has, and every file that these read or wrote: its sha256 by path."""

    study: str = ""  # that is verified
    receipts: tuple[Receipt, ...] = ()
    files: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def finding(self, path: str, sha256: str, *, what: str) -> Finding | None:
        """That a file whose bytes are not the promised ones is one of these; None where it is not."""
        if sha256 not in self.files.get(path, ()):
            return None
        return Finding(
            "stale_data", path, f"{what}: it is of a later run, which dvc.lock has", stale_remedy(self.study)
        )


NOTHING_LATER = Later()


def stale_remedy(study: str) -> str:
    """What to do about results whose data have moved on."""
    return f"nothing where results/{study} may stay as they are; else `gsf study {study}` and `dvc repro`"


def receipt_md5(receipt: Receipt) -> str:
    """What dvc.lock has of a receipt."""
    return hashlib.md5(canonical_json(receipt.content), usedforsecurity=False).hexdigest()


def later_runs(project: Project, study: str, moved: Mapping[str, str]) -> Later:
    """The later runs, as far as their receipts are here.

    Args:
        project: their receipts are looked for in its work tree and in the results of every study.
        study: the one that is verified.
        moved: the md5 that dvc.lock has of the receipt of each stage that ran again.
    """
    if not moved:
        return NOTHING_LATER
    known = whole_chain(project).receipts.values()
    receipts = tuple(item for item in known if item.stage in moved and receipt_md5(item) == moved[item.stage])
    return Later(study, receipts, _files(project, receipts))


def _files(project: Project, receipts: Iterable[Receipt]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for receipt in receipts:
        pairs = [*receipt.outputs.items(), *((item.path, item.sha256) for item in receipt.inputs)]
        place = work_receipt_path(project, receipt)
        if place is not None:
            pairs.append((project.relative(place), receipt.digest))
        for path, sha256 in pairs:
            found.setdefault(path, set()).add(sha256)
    return {path: frozenset(digests) for path, digests in found.items()}
