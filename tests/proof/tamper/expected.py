"""What verify must find of each damage to each kind of file, and at which depth first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gsf.params.study import is_trained
from gsf.project import ENSEMBLE
from gsf.proof.chain import Chain, stage_of_path
from tests.proof.tamper.damages import renamed
from tests.proof.tamper.kinds import (
    ARROW,
    CRATE,
    CROISSANT,
    ENSEMBLES,
    KEPT_IN_CRATE,
    OUTSIDE,
    PACKED,
    PICTURES,
    RESULTS,
    SIGNATURE,
    Artefact,
    users,
)

Depth = Literal["shallow", "deep", "recompute", "never", "verify-signature", "verify-crate", "verify-croissant"]
_GONE = ("deleted", "renamed")


@dataclass(frozen=True)
class Expected:
    """The first depth that finds something, what kind of finding, and what it names."""

    depth: Depth
    kind: str = ""
    links: frozenset[str] = frozenset()  # each of them is named
    also: frozenset[str] = field(default=frozenset())  # these may be; nothing else is

    def differs(self, depth: str, kinds: set[str], links: set[str]) -> str:
        """How an outcome is another one; empty where it is this."""
        good = depth == self.depth and kinds == ({self.kind} if self.kind else set())
        if good and self.links <= links <= self.links | self.also and bool(links) == (self.depth != "never"):
            return ""
        wanted = f"{self.depth} {self.kind} {sorted(self.links)} (also {sorted(self.also)})"
        return f"found {depth} {sorted(kinds)} {sorted(links)}, must be {wanted}"


def expected(artefact: Artefact, damage: str, chain: Chain) -> Expected:
    """What must be found."""
    kind = "equal" if damage == "rewritten" else "broken"
    match artefact.group:
        case "output" | "receipt":
            return _in_the_work_tree(artefact, damage, kind)
        case "kept":
            return _kept(artefact, damage, kind, chain)
        case "evidence":
            both = [artefact.path, *([str(artefact.sibling)] if damage == "swapped" else [])]
            links = frozenset(_stage_of_evidence(path) for path in both)
            return Expected("shallow", kind, links, frozenset({renamed(artefact.path)}))
        case "result":
            return _of_the_results(artefact, damage, kind)
        case "drawn":
            return _drawn(artefact, damage, kind)
        case "shown":
            shows_none = ("emptied", "deleted", "renamed", "rewritten")
            return _never() if damage in shows_none else _shallow(kind, artefact.path)
        case "root":
            return _shallow(kind, artefact.path)
        case "elsewhere":
            name = artefact.path.removeprefix(f"{OUTSIDE}/")
            name = name if name.startswith("published/") else f"weights/{name}"
            return Expected("deep", "absent" if damage in _GONE else kind, frozenset({name}))
        case "params":
            return _parameters(artefact, damage, chain)
        case "state":
            return _state(artefact, damage, kind)
        case "signature" if damage == "rewritten":
            return _never()  # what is signed is the content
        case "signature" | "signed":
            also = {str(artefact.sibling), f"{RESULTS}/results.json", f"{RESULTS}/report.receipt.json"}
            also = also if damage in ("swapped", "other version", "forged") else set()
            return Expected("verify-signature", "broken", frozenset({artefact.path, SIGNATURE}), frozenset(also))
        case "crate":
            return _crate(artefact, damage, kind, chain)
        case "croissant":
            return _croissant(artefact, damage, kind)
    return _never()


def _never() -> Expected:
    return Expected("never")


def _shallow(kind: str, *links: str) -> Expected:
    return Expected("shallow", kind, frozenset(links))


def _in_the_work_tree(artefact: Artefact, damage: str, kind: str) -> Expected:
    links = {artefact.path}
    if damage == "swapped":
        links.add(str(artefact.sibling))
    elif damage == "forged" and artefact.receipt is not None:
        links.add(artefact.receipt)
        if artefact.path.endswith(".mp4"):
            links.add(f"{ARROW}/annotations.csv")
    return Expected("deep", "absent" if damage in _GONE else kind, frozenset(links))


def _kept(artefact: Artefact, damage: str, kind: str, chain: Chain) -> Expected:
    stages = {str(artefact.stage), *([str(artefact.sibling)] if damage == "swapped" else [])}
    paths = {
        path for digest, places in chain.paths.items() for path in places if chain.receipts[digest].stage in stages
    }
    return Expected("shallow", kind, frozenset(stages), frozenset(paths | {renamed(path) for path in paths}))


def _stage_of_evidence(path: str) -> str:
    parts = path.removeprefix(f"{RESULTS}/evidence/").split("/")
    if len(parts) == 2:
        folder, name = parts
        if is_trained(folder):
            return stage_of_path(f"runs/demo/train/{folder}/{name}")
        annotated = "annotated/" if name in ("summary.json", "subsets.csv") else ""
        return stage_of_path(f"data/{folder}/{annotated}{name}")
    run, protocol, name = parts
    return stage_of_path(
        f"runs/demo/{f'ensemble/{run}' if protocol == ENSEMBLE else f'evaluate/{run}/{protocol}'}/{name}"
    )


def _of_the_results(artefact: Artefact, damage: str, kind: str) -> Expected:
    name = artefact.path.removeprefix(f"{RESULTS}/")
    cell = "arrow/tsn-s0/2x1x1/pair_accuracy"
    if name == "report.receipt.json":
        if damage == "forged":
            return _never()
        return Expected("shallow", kind, frozenset(), frozenset({"report", artefact.path}))
    if damage == "forged" and name.endswith(".png"):
        return _never()
    if damage == "forged" and name in ("comparisons.json", "time.json"):
        return Expected("recompute", kind, frozenset({artefact.path}))
    if name == "results.json":
        if damage == "forged":
            return _shallow(kind, cell)
        if damage in ("bit flipped", "other version"):
            return _shallow(kind, artefact.path, cell)
    if damage == "swapped":
        return _shallow(kind, artefact.path, str(artefact.sibling))
    return _shallow(kind, artefact.path)


def _drawn(artefact: Artefact, damage: str, kind: str) -> Expected:
    if artefact.receipt is not None:
        if damage == "forged":
            return _never()
        also = {"swapped": str(artefact.sibling), "renamed": renamed(artefact.path)}.get(damage, artefact.path)
        return _shallow(kind, artefact.path, also)
    if damage in ("other version", "rewritten"):
        return _never()  # it says the same of the pictures' bytes
    pictures = [f"{artefact.path.rpartition('/')[0]}/{name}" for name in PICTURES[artefact.path]]
    if damage == "bit flipped":
        return _shallow(kind, pictures[0])
    if damage in _GONE:
        return _shallow(kind, *pictures, *([renamed(artefact.path)] if damage == "renamed" else []))
    return _shallow(kind, artefact.path)


def _parameters(artefact: Artefact, damage: str, chain: Chain) -> Expected:
    name = artefact.path.rpartition("}/")[2]
    kind = "stale_code" if name.endswith(".py") else "stale_params"
    if name == "params/plan.yaml":
        weighted = artefact.key != "threads" and damage in ("bit flipped", "other version")
        return Expected("shallow", kind, frozenset({"report", *ENSEMBLES[: int(weighted)]}), frozenset(ENSEMBLES))
    stages = users(chain, name)
    if damage == "swapped":
        stages |= users(chain, str(artefact.sibling).rpartition("}/")[2])
    if damage == "rewritten":
        return _never() if name.endswith(".yaml") else Expected("shallow", "equal", stages)
    whole = name.endswith((".py", ".csv")) or damage in ("emptied", "deleted", "renamed")
    return Expected("shallow", kind, stages if whole else frozenset(), stages)


def _crate(artefact: Artefact, damage: str, kind: str, chain: Chain) -> Expected:
    name, metadata = artefact.path.removeprefix(f"{CRATE}/"), "ro-crate-metadata.json"
    stage = str(artefact.stage)
    if artefact.path == PACKED:
        if damage == "rewritten":
            return _never()  # what counts is what it holds
        table, cell = f"{RESULTS}/results.json", "arrow/tsn-s0/2x1x1/pair_accuracy"
        inside = damage in ("bit flipped", "other version")
        links = {table} if inside else {"crate.zip"}
        return Expected("verify-crate", kind, frozenset(links), frozenset({cell}))
    if name == KEPT_IN_CRATE:
        name = next(place for digest, places in chain.paths.items() for place in places if _is(chain, digest, stage))
    also = {renamed(name)} if damage == "renamed" else set()
    if damage == "forged":
        if name == "dvc.yaml":
            return _never()
        links = {f"{RESULTS}/report.receipt.json": metadata}.get(name, name)
        links = stage if artefact.stage else links
        return Expected("verify-crate", kind, frozenset({links}), frozenset({name, metadata, *_cells(name)}))
    if damage == "rewritten" and name == "dvc.yaml":
        kind = "broken"
    also |= {"report"} if name.endswith("report.receipt.json") else {stage, *_cells(name)}
    if damage == "swapped":
        sibling = str(artefact.sibling).removeprefix(f"{CRATE}/")
        also |= {sibling, _stage_of_evidence(sibling)}
    return Expected("verify-crate", kind, frozenset({name}), frozenset(also))


def _is(chain: Chain, digest: str, stage: str) -> bool:
    return chain.receipts[digest].stage == stage


def _cells(name: str) -> set[str]:
    """The cell whose number is changed where the table is."""
    return {"arrow/tsn-s0/2x1x1/pair_accuracy"} if name.endswith("results.json") else set()


def _croissant(artefact: Artefact, damage: str, kind: str) -> Expected:
    name = artefact.path.removeprefix(f"{CROISSANT}/")
    links = {name}
    if damage == "swapped":
        links.add(str(artefact.sibling).removeprefix(f"{CROISSANT}/"))
    elif damage == "forged":
        links.add("croissant.json")
    also = {renamed(name)} if damage == "renamed" else set()
    return Expected("verify-croissant", kind, frozenset(links), frozenset(also))


def _state(artefact: Artefact, damage: str, kind: str) -> Expected:
    if artefact.path == "requirements.lock":
        return _shallow("equal" if damage == "rewritten" else "stale_code", artefact.path)
    if damage in ("cut short", "deleted", "renamed", "rewritten"):
        return _never()
    return _shallow(kind, "dvc.lock" if damage == "emptied" else "train@demo-gsf-s0")
