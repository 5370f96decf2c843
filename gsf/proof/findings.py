"""What a verification found: findings that name their link, and the verdict that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Kind = Literal["broken", "equal", "close", "stale_params", "stale_code", "stale_data", "absent", "uncommitted"]
Status = Literal["holds", "equal", "broken"]

EXIT_CODES: dict[Status, int] = {"holds": 0, "broken": 1, "equal": 3}  # 2 is that of a wrong command line

_TITLES: dict[Kind, str] = {
    "broken": "BROKEN: bytes, receipts or numbers disagree",
    "equal": "equal: other bytes than promised, the same content",
    "close": "close: other bytes, the same content within the stated tolerance",
    "stale_params": "stale parameters: changed since the results were made",
    "stale_code": "stale code: changed since the results were made",
    "stale_data": "stale data: stages that studies share ran again for another one",
    "absent": "absent: not here, so not checked",
    "uncommitted": "uncommitted: differs from what git has",
}
_SHOWN = 12  # findings of one kind in the text; the JSON has all


@dataclass(frozen=True)
class Finding:
    """One link of the chain, and what is wrong with it.

    `link` is a stage as in dvc.yaml, a cell of the results table or a file of the project.
    """

    kind: Kind
    link: str
    what: str
    remedy: str


@dataclass(frozen=True)
class Verdict:
    """The outcome of one verification."""

    study: str
    deep: bool
    checked: dict[str, int]  # how many of each kind of thing were checked
    findings: tuple[Finding, ...]
    not_proven: tuple[str, ...]

    def each(self, change: Callable[[Verdict], Verdict]) -> Verdict:
        """What `change` makes of it; as of several verdicts, of each."""
        return change(self)

    def extended(
        self, checked: Mapping[str, int], findings: Iterable[Finding], *, not_proven: Iterable[str]
    ) -> Verdict:
        """With what one more check looked at and found, each finding once, and what is not proven then."""
        return replace(
            self,
            checked={**self.checked, **checked},
            findings=tuple(dict.fromkeys((*self.findings, *findings))),
            not_proven=tuple(not_proven),
        )

    @property
    def ok(self) -> bool:
        """Whether nothing is broken; everything else is reported apart."""
        return not self.of("broken")

    @property
    def status(self) -> Status:
        """`broken`; `equal` where nothing worse was found than other bytes of the same content; else `holds`."""
        if not self.ok:
            return "broken"
        return "equal" if self.of("equal") else "holds"

    @property
    def exit_code(self) -> int:
        """What `gsf verify` ends with."""
        return EXIT_CODES[self.status]

    def of(self, kind: Kind) -> list[Finding]:
        """The findings of one kind."""
        return [finding for finding in self.findings if finding.kind == kind]

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON values."""
        findings = [asdict(item) for item in self.findings]
        return {**asdict(self), "findings": findings, "ok": self.ok, "status": self.status}

    def to_text(self) -> str:
        """The verdict for people."""
        counts = ", ".join(f"{number} {what}" for what, number in self.checked.items() if number)
        lines = [f"{self.study}: {'deep' if self.deep else 'shallow'} check of {counts or 'nothing'}"]
        for kind, title in _TITLES.items():
            found = self.of(kind)
            if found:
                lines += ["", f"{title} ({len(found)})", *_finding_lines(found)]
        lines += ["", "Not proven by this check:", *(f"  - {line}" for line in self.not_proven)]
        return "\n".join([*lines, "", self.summary()]) + "\n"

    def summary(self) -> str:
        """One line: what holds."""
        kinds: dict[Kind, str] = {"stale_params": "parameters", "stale_code": "code", "stale_data": "data"}
        stale = [f"stale {name}" for kind, name in kinds.items() if self.of(kind)]
        but = f", but {' and '.join(stale)}" if stale else ""
        if not self.ok:
            return f"BROKEN: {self._links('broken')}"
        if self.of("equal"):
            return f"EQUAL: nothing is broken, but other bytes of the same content: {self._links('equal')}{but}"
        return f"OK: nothing is broken{but}"

    def _links(self, kind: Kind) -> str:
        links = list(dict.fromkeys(finding.link for finding in self.of(kind)))
        return ", ".join(links[:3]) + (f" and {len(links) - 3} more" if len(links) > 3 else "")


def _finding_lines(found: Sequence[Finding]) -> list[str]:
    lines = []
    for finding in found[:_SHOWN]:
        lines.append(f"  {finding.link}: {finding.what}")
        following = found[found.index(finding) + 1 : _SHOWN]
        if finding.remedy and not any(item.remedy == finding.remedy for item in following):
            lines.append(f"    -> {finding.remedy}")
    if len(found) > _SHOWN:
        lines.append(f"  ... and {len(found) - _SHOWN} more; `--json` lists all")
    return lines
