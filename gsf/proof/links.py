"""Checks of the chain itself: every receipt is what its name says, every link leads to bytes that were promised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from gsf.project import Project
from gsf.proof.chain import Chain, stage_of_path
from gsf.proof.content import EQUAL_REMEDY
from gsf.proof.differing import differs
from gsf.proof.findings import Finding
from gsf.proof.git import tracked_files
from gsf.proof.later import NOTHING_LATER, Later
from gsf.proof.weights import weights_of
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import Input, Receipt

_RERUN_REPORT = "restore results/ from git, or run `gsf report` again on a work tree that is intact"


def check_names(chain: Chain) -> Iterator[Finding]:
    """Receipts that are kept under their digest have that digest, and are receipts."""
    users = chain.referrers()
    for path, why in chain.damaged.items():
        yield Finding("broken", _link_of_digest(users, Path(path).stem, otherwise=path), why, _RERUN_REPORT)
    for digest, paths in chain.paths.items():
        for path in paths:
            kept_by_digest = Path(path).parent.name == "receipts"
            if kept_by_digest and Path(path).stem != digest:
                link = _link_of_digest(users, Path(path).stem, otherwise=chain.receipts[digest].stage)
                what = f"{path} has sha256 {digest[:12]}, must have the one that it is named by"
                yield Finding("broken", link, what, _RERUN_REPORT)


def sound(chain: Chain) -> Chain:
    """The receipts that are kept under their own digest. What another one says, once it is named, proves nothing."""
    paths = {digest: [path for path in places if Path(path).stem == digest] for digest, places in chain.paths.items()}
    paths = {digest: places for digest, places in paths.items() if places}
    return Chain(receipts={digest: chain.receipts[digest] for digest in paths}, paths=paths)


def check_layout(chain: Chain) -> Iterator[Finding]:
    """Receipts are in the canonical form; in another layout one says the same, but has other bytes."""
    for path, digest in chain.rewritten.items():
        what = f"{path} holds its receipt in another layout than the canonical one, in which it has its digest"
        if Path(path).parent.name != "receipts" or Path(path).stem == digest:
            yield Finding("equal", chain.receipts[digest].stage, what, EQUAL_REMEDY)


def check_links(chain: Chain, receipts: Iterable[Receipt]) -> Iterator[Finding]:
    """Every input names a receipt that is here and that promised exactly these bytes."""
    missing: dict[tuple[str, str], list[str]] = {}  # what read something of a receipt that is not here, and what
    for receipt in receipts:
        for item in receipt.inputs:
            if item.receipt is None:
                continue
            parent = chain.receipts.get(item.receipt)
            wrote = stage_of_path(item.path)
            if parent is None:
                missing.setdefault((wrote, item.receipt), []).append(f"{receipt.stage} read {item.path}")
                continue
            promised = parent.outputs.get(item.path)
            if promised != item.sha256:
                says = f"says {promised[:12]}" if promised else f"does not list {item.path}"
                what = f"{receipt.stage} read {item.path} as {item.sha256[:12]}, the receipt of {parent.stage} {says}"
                yield Finding("broken", parent.stage, what, _RERUN_REPORT)
            if wrote not in (item.path, parent.stage):
                what = f"{item.path} is written by this stage; {receipt.stage} names a receipt of {parent.stage} for it"
                yield Finding("broken", wrote, what, _RERUN_REPORT)
    for (wrote, digest), readers in missing.items():
        more = f", and {len(readers) - 1} more" if len(readers) > 1 else ""
        what = f"its receipt {digest[:12]} is missing; {readers[0]} from it{more}"
        yield Finding("broken", wrote, what, _RERUN_REPORT)


def check_roots(project: Project, receipts: Iterable[Receipt], *, later: Later = NOTHING_LATER) -> Iterator[Finding]:
    """Files that no stage wrote are here, with the bytes that were read, and git has them.

    Those that lie outside the project are a matter of the deep check.
    """
    receipts = list(receipts)
    outside = {weights.item for receipt in receipts for weights in weights_of(project, receipt)}
    roots = {
        (item.path, item.sha256): receipt.stage
        for receipt in receipts
        for item in receipt.inputs
        if item.receipt is None
        and not item.path.startswith("params/")  # those are a matter of stale parameters
        and item not in outside
    }
    if not roots:
        return
    tracked = tracked_files(project, [path for path, _ in roots])
    for (path, promised), stage in sorted(roots.items()):
        file = project.root / path
        if not file.is_file() and tracked is not None and path not in tracked:
            what = f"is not here, nor in git; {stage} read it as {promised[:12]}"
            yield Finding("absent", path, what, "get the file that the stage's parameters name")
        elif not file.is_file():
            what = f"is missing; {stage} read it as {promised[:12]}"
            yield Finding("broken", path, what, f"restore it: `git checkout -- {path}`")
        elif (found := sha256_file(file)) != promised:
            what = f"has sha256 {found[:12]}, {stage} read {promised[:12]}"
            remedy = f"`git checkout -- {path}`, or run `dvc repro` on what it is now"
            yield later.finding(path, found, what=what) or differs(
                file, path, promised, link=path, what=what, remedy=remedy
            )
        elif tracked is not None and path not in tracked:
            yield Finding("uncommitted", path, f"{stage} rests on it, and git does not have it", f"`git add {path}`")


def check_reachable(chain: Chain, used: Iterable[Receipt]) -> Iterator[Finding]:
    """No receipt lies among the results that no number rests on."""
    used = list(used)
    known = {receipt.digest for receipt in used}
    if any(item.receipt not in chain.receipts for receipt in used for item in receipt.inputs if item.receipt):
        return  # what the missing ones rest on cannot be told; that they are missing is said
    for digest, receipt in chain.receipts.items():
        if digest not in known:
            path = chain.paths[digest][0]
            yield Finding("broken", receipt.stage, f"{path} is there, but no cell rests on it", _RERUN_REPORT)


def _link_of_digest(users: dict[str, list[tuple[Receipt, Input]]], digest: str, *, otherwise: str) -> str:
    """The stage whose receipt should have `digest`, as those who name it know it."""
    return next((stage_of_path(item.path) for _, item in users.get(digest, [])), otherwise)
