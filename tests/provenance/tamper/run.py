"""Do one damage, verify deeper and deeper until something is found, and undo the damage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gsf.provenance.chain import REPORT_RECEIPT, study_chain
from gsf.provenance.findings import Verdict
from gsf.report.recompute import recomputed
from tests.provenance.finished import STUDY
from tests.provenance.sandbox import Sandbox
from tests.provenance.tamper.damages import apply
from tests.provenance.tamper.expected import expected
from tests.provenance.tamper.kinds import CODE, OUTSIDE, Artefact


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
                self._cells[key] = outcome(self.sandbox) if done else None
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
        return path.replace(CODE, str(self._code)).replace(OUTSIDE, outside)


def outcome(sandbox: Sandbox) -> Outcome:
    """What the first depth that finds anything finds."""
    uncommitted = False
    for depth in ("shallow", "deep", "recompute"):
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
