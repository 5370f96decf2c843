"""What the doctor says of one thing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

# absent: something that only some need. missing: nothing works without it, or not what was asked for.
State = Literal["ok", "absent", "missing"]
_SHOWN = {"ok": "ok", "absent": "-", "missing": "MISSING"}


@dataclass(frozen=True)
class Finding:
    """One line; the remedy is there unless all is well."""

    name: str
    state: State
    text: str
    remedy: str | None = None

    def __str__(self) -> str:
        told = f"; {self.remedy}" if self.remedy else ""
        return f"{_SHOWN[self.state]:<8} {self.name:<13} {self.text}{told}"


def ok(name: str, text: str) -> Finding:
    return Finding(name, "ok", text)


def absent(name: str, text: str, remedy: str) -> Finding:
    return Finding(name, "absent", text, remedy)


def missing(name: str, text: str, remedy: str) -> Finding:
    return Finding(name, "missing", text, remedy)


def healthy(findings: Sequence[Finding]) -> bool:
    """Whether nothing is missing."""
    return all(finding.state != "missing" for finding in findings)


def as_text(findings: Sequence[Finding]) -> str:
    """A line each."""
    return "\n".join(str(finding) for finding in findings)


def as_json(findings: Sequence[Finding]) -> str:
    """One object: whether nothing is missing, and the findings."""
    return json.dumps({"ok": healthy(findings), "findings": [asdict(finding) for finding in findings]}, indent=1)
