"""Do one damage, verify deeper and deeper until something is found, and undo the damage."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gsf.project import Project
from gsf.proof.chain import REPORT_RECEIPT, study_chain
from gsf.proof.findings import Verdict
from gsf.provenance import code
from gsf.report.recompute import recomputed
from gsf.tracking.record import journal_path
from tests.proof.finished import STUDY
from tests.proof.sandbox import Sandbox
from tests.proof.tamper.damages import apply
from tests.proof.tamper.exchanged import checked, hand_over
from tests.proof.tamper.expected import expected
from tests.proof.tamper.kinds import CODE, KEPT_IN_CRATE, OUTSIDE, Artefact
from tests.proof.tamper.project import build
from tests.proof.tamper.quick import remember

ALL = ("shallow", "deep")
# The shallow check reads neither data/ and runs/ nor what lies outside of the project (a test of its own says so), and
# what is computed again is held against the results alone.
DEPTHS = {
    "output": ("deep",),
    "receipt": ("deep",),
    "elsewhere": ("deep",),
    "result": (*ALL, "recompute"),
    **dict.fromkeys(("signature", "signed"), ("verify-signature",)),
    "crate": ("verify-crate",),
    "croissant": ("verify-croissant",),
}


@dataclass(frozen=True)
class Outcome:
    """What was found, and where first."""

    depth: str  # never where nothing was
    kinds: frozenset[str]
    links: frozenset[str]
    uncommitted: bool  # whether git has the results otherwise
    not_proven: tuple[str, ...]  # as the deepest check said


class Matrix:
    """A finished study and every cell that was tried on it; each is tried once."""

    def __init__(self, sandbox: Sandbox, *, code: Path) -> None:
        self.sandbox = sandbox
        self._code = code
        self._cells: dict[tuple[str, str], Outcome | None] = {}
        self.chain = study_chain(sandbox.project, STUDY)
        self.chain.add(sandbox.project, sandbox.project.results(STUDY) / REPORT_RECEIPT)

    def cell(self, artefact: Artefact, damage: str) -> Outcome | None:
        """The outcome of one damage to one kind of file; None where it cannot be done to it."""
        key = (artefact.kind, damage)
        if key not in self._cells:
            try:
                done = apply(self.sandbox, self._placed(artefact), damage)
                depths = DEPTHS.get(artefact.group, ALL)
                self._cells[key] = outcome(self.sandbox, depths, artefact=artefact) if done else None
            finally:
                self.sandbox.restore()
        return self._cells[key]

    def wrong(self, artefact: Artefact, damage: str) -> str:
        """How a cell is not as it must be; empty where it is."""
        found = self.cell(artefact, damage)
        if found is None:
            return ""
        wanted = expected(artefact, damage, self.chain)
        differs = wanted.differs(found.depth, set(found.kinds), set(found.links))
        return f"{artefact.kind}, {damage}: {differs}" if differs else ""

    def _placed(self, artefact: Artefact) -> Artefact:
        """The artefact with its files where they lie in this project."""
        path, sibling = self._place(artefact, artefact.path), self._place(artefact, artefact.sibling)
        return replace(artefact, path=path, sibling=sibling)

    def _place(self, artefact: Artefact, path: str | None) -> Any:
        if path is None:
            return None
        if artefact.group == "kept":
            return self.sandbox.kept(path)
        outside = str(self.sandbox.project.root.parent)
        if KEPT_IN_CRATE in path:
            path = path.replace(KEPT_IN_CRATE, self.sandbox.kept(str(artefact.stage)))
        return path.replace(CODE, str(self._code)).replace(OUTSIDE, outside)


@contextmanager
def prepared(data: Project, root: Path) -> Iterator[Matrix]:
    """A matrix on a new finished study in `root`, with a copy of the code that may be damaged too."""
    project = build(data, root)
    hand_over(project)
    shutil.copytree(code.PACKAGE, root / "code" / "gsf", ignore=shutil.ignore_patterns("__pycache__"))
    journal = journal_path(project, study=STUDY, run="gsf-s0")
    journal.parent.mkdir(parents=True, exist_ok=True)
    journal.write_text('{"kind": "start"}\n{"kind": "epoch"}\n{"kind": "end"}\n', encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "PACKAGE", root / "code" / "gsf")
        remember(patch)
        yield Matrix(Sandbox(project), code=root / "code")


def outcome(sandbox: Sandbox, depths: Sequence[str] = ALL, *, artefact: Artefact | None = None) -> Outcome:
    """What the first of the depths that finds anything finds; `artefact` is what another verb than verify looks at."""
    uncommitted = False
    for depth in depths:
        if depth.startswith("verify-"):
            assert artefact is not None
            verdict = checked(sandbox.project, artefact)
        else:
            verdict = sandbox.verify(deep=depth == "deep")
        if depth == "recompute":
            found = recomputed(sandbox.project, verdict)
            assert isinstance(found, Verdict)
            verdict = found
        uncommitted |= bool(verdict.of("uncommitted"))
        findings = [item for item in verdict.findings if item.kind != "uncommitted"]
        if findings:
            break
    return Outcome(
        depth=depth if findings else "never",
        kinds=frozenset(item.kind for item in findings),
        links=frozenset(item.link for item in findings),
        uncommitted=uncommitted,
        not_proven=verdict.not_proven,
    )
