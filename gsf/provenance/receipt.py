"""Receipts: one small canonical JSON a stage, bound by sha256 to its inputs, code, parameters and outputs.

The identity of a receipt is the sha256 of its bytes. It names the receipts of its inputs, so that the identity of the
last one commits to all that came before it, down to the bytes of the videos. It holds nothing that differs between two
clones that computed the same: no times, no host names, no absolute paths.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gsf.errors import ProvenanceError
from gsf.project import Project
from gsf.provenance.code import code_digests
from gsf.provenance.environment import package_versions
from gsf.provenance.hashing import HashCache, canonical_json, sha256_bytes, sha256_file, write_atomically

FORMAT = 1


@dataclass(frozen=True)
class Input:
    """A file that a stage read: its path in the project, its sha256, and the receipt of the stage that wrote it.

    `receipt` is None for a root: a file that no stage wrote, such as annotations in git.
    """

    path: str
    sha256: str
    receipt: str | None


@dataclass(frozen=True)
class Receipt:
    """A receipt as read from disk: its digest and its content."""

    digest: str
    content: dict[str, Any]

    @property
    def stage(self) -> str:
        return str(self.content["stage"])

    @property
    def inputs(self) -> list[Input]:
        return [Input(**item) for item in self.content["inputs"]]

    @property
    def outputs(self) -> dict[str, str]:
        """sha256 by path in the project."""
        return dict(self.content["outputs"])

    @property
    def facts(self) -> dict[str, Any]:
        return dict(self.content["facts"])


@dataclass(frozen=True)
class StageResult:
    """What a stage function hands to `seal`: everything about a run that its receipt holds."""

    stage: str  # the name in dvc.yaml, with its key: extract@arrow-00
    command: Sequence[str]  # as in dvc.yaml: ["gsf", "extract", "arrow", "00"]
    params: Mapping[str, Any]  # {"params/benchmarks/arrow.yaml": {"extract": {...}}}: what dvc.yaml lists
    inputs: Sequence[Input]
    outputs: Sequence[Path]
    entry: str  # module of the stage function, whose imports are the code of the stage
    tools: Sequence[str] = ()  # Python packages whose versions matter
    programs: Mapping[str, str] = field(
        default_factory=dict
    )  # build lines of programs: {"ffmpeg": "ffmpeg version ..."}
    seed: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)  # counts, digests of contents, the device


def hash_cache(project: Project) -> HashCache:
    """The project's memory of file hashes."""
    return HashCache(project.work("hashes"))


def seal(project: Project, result: StageResult, receipt_path: Path) -> Receipt:
    """Hash the outputs of a stage and write its receipt; returns it as read."""
    hashes = hash_cache(project)
    content = {
        "format": FORMAT,
        "stage": result.stage,
        "command": shlex.join(result.command),
        "params": dict(result.params),
        "inputs": [
            {"path": item.path, "sha256": item.sha256, "receipt": item.receipt}
            for item in sorted(result.inputs, key=lambda item: item.path)
        ],
        "outputs": {project.relative(path): hashes.sha256(path) for path in sorted(result.outputs)},
        "code": code_digests(result.entry),
        "tools": package_versions(result.tools) | dict(result.programs),
        "environment": sha256_file(project.root / "requirements.lock"),
        "seed": result.seed,
        "facts": dict(result.facts),
    }
    data = canonical_json(content)
    write_atomically(receipt_path, data)
    return Receipt(digest=sha256_bytes(data), content=content)


def read_receipt(path: Path) -> Receipt:
    """Read a receipt; its digest is that of the bytes found."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ProvenanceError(f"{path}: no such receipt; run the stage that writes it, or `dvc pull`") from None
    return parse_receipt(data, where=str(path))


def parse_receipt(data: bytes, *, where: str) -> Receipt:
    """The receipt in `data`; ProvenanceError where the bytes are not one in canonical form."""
    try:
        content = json.loads(data)
        canonical = canonical_json(content)
    except ValueError as error:
        raise ProvenanceError(f"{where}: is not a receipt, must be canonical JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ProvenanceError(f"{where}: is not a receipt of format {FORMAT}")
    missing = {"stage", "command", "params", "inputs", "outputs", "code", "tools", "seed", "facts"} - content.keys()
    if missing:
        raise ProvenanceError(f"{where}: lacks {', '.join(sorted(missing))}, must be a complete receipt")
    if canonical != data:
        raise ProvenanceError(f"{where}: is not in canonical form, so its identity is not that of its content")
    return Receipt(digest=sha256_bytes(data), content=content)


def root_input(project: Project, path: Path) -> Input:
    """A file that no stage wrote."""
    return Input(path=project.relative(path), sha256=hash_cache(project).sha256(path), receipt=None)


def linked_inputs(project: Project, receipt_path: Path, paths: Sequence[Path]) -> list[Input]:
    """Files written by the stage of `receipt_path`, checked against it.

    Raises ProvenanceError where a file is not what its receipt says: a stage never runs on a broken chain.
    """
    receipt = read_receipt(receipt_path)
    hashes = hash_cache(project)
    inputs = []
    for path in paths:
        name = project.relative(path)
        promised = receipt.outputs.get(name)
        if promised is None:
            raise ProvenanceError(f"{receipt_path}: does not list {name}, must be the receipt of its stage")
        found = hashes.sha256(path)
        if found != promised:
            raise ProvenanceError(
                f"{name}: sha256 is {found[:12]}, its receipt {project.relative(receipt_path)} says {promised[:12]};"
                f" it was changed after stage {receipt.stage} wrote it: run that stage again"
            )
        inputs.append(Input(path=name, sha256=found, receipt=receipt.digest))
    return inputs
