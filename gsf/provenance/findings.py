"""What a verification found: findings that name their link, and the verdict that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["broken", "close", "stale_params", "stale_code", "absent", "uncommitted"]

_TITLES: dict[Kind, str] = {
    "broken": "BROKEN: bytes, receipts or numbers disagree",
    "close": "close: other bytes, the same content within the stated tolerance",
    "stale_params": "stale parameters: changed since the results were made",
    "stale_code": "stale code: changed since the results were made",
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

    @property
    def ok(self) -> bool:
        """Whether nothing is broken; stale, absent and uncommitted are reported apart."""
        return not self.of("broken")

    def of(self, kind: Kind) -> list[Finding]:
        """The findings of one kind."""
        return [finding for finding in self.findings if finding.kind == kind]

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON values."""
        return {**asdict(self), "findings": [asdict(item) for item in self.findings], "ok": self.ok}

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
        stale = [
            *(["stale parameters"] if self.of("stale_params") else []),
            *(["stale code"] if self.of("stale_code") else []),
        ]
        if not self.ok:
            links = list(dict.fromkeys(finding.link for finding in self.of("broken")))
            more = f" and {len(links) - 3} more" if len(links) > 3 else ""
            return f"BROKEN: {', '.join(links[:3])}{more}"
        return "OK: nothing is broken" + (f", but {' and '.join(stale)}" if stale else "")


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
