"""What verify must find of each damage to each kind of file, and at which depth first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gsf.provenance.chain import Chain, stage_of_path
from tests.provenance.tamper.damages import renamed
from tests.provenance.tamper.kinds import ARROW, OUTSIDE, RESULTS, Artefact, users

Depth = Literal["shallow", "deep", "recompute", "never"]
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
    return stage_of_path(f"data/{'/'.join(parts)}" if len(parts) == 2 else f"runs/demo/evaluate/{'/'.join(parts)}")


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


def _parameters(artefact: Artefact, damage: str, chain: Chain) -> Expected:
    name = artefact.path.rpartition("}/")[2]
    kind = "stale_code" if name.endswith(".py") else "stale_params"
    stages = users(chain, name) | ({"report"} if name == "params/plan.yaml" else frozenset())
    if damage == "swapped":
        stages |= users(chain, str(artefact.sibling).rpartition("}/")[2])
    if damage == "rewritten" and name != "params/plan.yaml":
        return _never() if name.endswith(".yaml") else Expected("shallow", "equal", stages)
    whole = name.endswith((".py", ".csv")) or damage in ("emptied", "deleted", "renamed")
    return Expected("shallow", kind, stages if whole else frozenset(), stages)


def _state(artefact: Artefact, damage: str, kind: str) -> Expected:
    if artefact.path == "requirements.lock":
        return _shallow("equal" if damage == "rewritten" else "stale_code", artefact.path)
    if damage in ("cut short", "deleted", "renamed", "rewritten"):
        return _never()
    return _shallow(kind, "dvc.lock" if damage == "emptied" else "train@demo-gsf-s0")
