"""A finished study whose files may be changed, swapped, removed and forged, and are put back afterwards."""

from __future__ import annotations

from pathlib import Path

from gsf.project import Project
from gsf.proof.chain import study_chain
from gsf.proof.findings import Verdict
from gsf.proof.verify import verify_study
from gsf.provenance.hashing import sha256_bytes, sha256_file
from tests.proof.finished import rewrite, write_lock

RESULTS = "results/demo"


class Sandbox:
    """A finished study in which files may be changed; `restore` puts every one back."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._before: dict[Path, bytes | None] = {}

    def path(self, name: str) -> Path:
        """The file of a name, remembered as it is now."""
        path = self.project.root / name
        self._before.setdefault(path, path.read_bytes() if path.is_file() else None)
        return path

    def restore(self) -> None:
        for path, data in self._before.items():
            if data is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(data)
        self._before.clear()

    def before(self, name: str) -> str:
        """The sha256 that a remembered file had."""
        return sha256_bytes(self._before[self.project.root / name] or b"")

    def flip(self, name: str) -> None:
        """Change one bit in the middle of a file."""
        data = bytearray(self.path(name).read_bytes())
        data[len(data) // 2] ^= 1
        self.path(name).write_bytes(data)

    def swap(self, name: str, sibling: str) -> None:
        one, other = self.path(name), self.path(sibling)
        first, second = one.read_bytes(), other.read_bytes()
        assert first != second
        one.write_bytes(second)
        other.write_bytes(first)

    def kept(self, stage: str) -> str:
        """Path of the receipt of a stage among the results."""
        (receipt,) = study_chain(self.project, "demo").stage(stage)
        return f"{RESULTS}/receipts/{receipt.digest}.json"

    def rename_by_digest(self, name: str) -> str:
        """Keep a rewritten receipt under the name that its new bytes demand."""
        data = self.path(name).read_bytes()
        new = f"{RESULTS}/receipts/{sha256_bytes(data)}.json"
        self.path(new).write_bytes(data)
        self.path(name).unlink()
        return new

    def forge_report(self) -> None:
        """Let the report's receipt, and dvc.lock, agree with what the results folder now holds."""
        folder = self.project.results("demo")
        own = ("report.receipt.json", "signature.dsse.json")  # which the report does not list
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in own]
        outputs = {self.project.relative(path): sha256_file(path) for path in files}
        rewrite(self.path(f"{RESULTS}/report.receipt.json"), outputs=outputs)
        self.path("dvc.lock")
        write_lock(self.project)

    def broken(self, *, deep: bool) -> list[str]:
        """The links that the verifier names."""
        return [finding.link for finding in self.verify(deep=deep).of("broken")]

    def verify(self, *, deep: bool) -> Verdict:
        return verify_study(self.project, "demo", deep=deep)
