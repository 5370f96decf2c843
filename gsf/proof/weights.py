"""Files from elsewhere: weights and published annotations, roots of the chain that lie outside the project.

A receipt names such a file `weights/NAME` or `published/NAME`, with its sha256; where it lies on this machine the
parameter file says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gsf.errors import GsfError
from gsf.params.base import read_yaml
from gsf.project import Project
from gsf.proof.chain import Command
from gsf.proof.differing import differs
from gsf.proof.findings import Finding
from gsf.proof.later import NOTHING_LATER, Later
from gsf.provenance.hashing import HashCache, sha256_file
from gsf.provenance.receipt import Input, Receipt

# The option of a stage's command that names a parameter file, the folder of this, and its key that has the place.
_PLACES = {"train": ("model", "models", "pretrained"), "convert": ("imported", "imports", "checkpoint")}


@dataclass(frozen=True)
class Weights:
    """One file from elsewhere that a stage read."""

    kind: Literal["weights", "annotations"]
    item: Input
    stage: str
    params: str  # the parameter file that says where it lies, and the key: params/imports/x.yaml: checkpoint
    file: Path | None  # where it should lie here; None where the parameters do not say so any more

    @property
    def here(self) -> bool:
        """Whether a file lies there; `found` says whether it is this one."""
        return self.file is not None and self.file.is_file()

    def found(self, hashes: HashCache | None = None) -> str | None:
        """The sha256 of what lies there, read now or remembered by `hashes`; None where it is not here."""
        if self.file is None or not self.file.is_file():
            return None
        try:
            return hashes.sha256(self.file) if hashes else sha256_file(self.file)
        except PermissionError:  # somebody else's project, where nothing can be remembered
            return sha256_file(self.file)


def weights_of(project: Project, receipt: Receipt) -> list[Weights]:
    """The files from elsewhere among the inputs of a receipt."""
    command = Command.of(receipt)
    if command.verb == "annotate":
        return _published(project, receipt, command)
    if command.verb not in _PLACES:
        return []
    if not any(item.receipt is None and item.path.startswith("weights/") for item in receipt.inputs):
        return []
    option, kind, key = _PLACES[command.verb]
    name = command.options.get(option, "")
    file = _place(project, kind, name, key)
    return [
        Weights(
            kind="weights",
            item=item,
            stage=receipt.stage,
            params=f"params/{kind}/{name}.yaml: {key}",
            file=file if file is not None and file.name == Path(item.path).name else None,
        )
        for item in receipt.inputs
        if item.receipt is None and item.path.startswith("weights/") and _is_elsewhere(project, command, item, file)
    ]


def check_weights(
    project: Project,
    receipts: Iterable[Receipt],
    checked: dict[str, int],
    *,
    later: Later = NOTHING_LATER,
) -> Iterator[Finding]:
    """The files from elsewhere that are here have the sha256 that was read, or that a later run read."""
    for weights in (found for receipt in receipts for found in weights_of(project, receipt)):
        name, promised, found = weights.item.path, weights.item.sha256, weights.found()
        if found is None:
            what = f"{weights.stage} read it as {promised[:12]}; it lies outside the project"
            yield Finding("absent", name, what, f"put it where {weights.params} says, or let that say where it lies")
            continue
        checked[weights.kind] = checked.get(weights.kind, 0) + 1
        if found != promised:
            what = f"{weights.file} has sha256 {found[:12]}, {weights.stage} read {promised[:12]}"
            file = weights.file or Path(name)
            yield later.finding(name, found, what=what) or differs(
                file, name, promised, link=name, what=what, remedy=_REMEDY[weights.kind]
            )


_REMEDY = {
    "weights": "restore this file, or import the new one under another name",
    "annotations": "restore this file, or write its new sha256 into the benchmark and run `dvc repro`",
}


def _published(project: Project, receipt: Receipt, command: Command) -> list[Weights]:
    """The annotation files behind a published benchmark."""
    name = command.positional[0] if command.positional else ""
    try:
        published = read_yaml(project.params_file("benchmarks", name)).get("published")
    except (GsfError, OSError):
        published = None
    folder = published.get("files") if isinstance(published, dict) else None
    return [
        Weights(
            kind="annotations",
            item=item,
            stage=receipt.stage,
            params=f"params/benchmarks/{name}.yaml: published.files",
            file=project.root / folder / Path(item.path).name if isinstance(folder, str) else None,
        )
        for item in receipt.inputs
        if item.receipt is None and item.path.startswith("published/")
    ]


def _place(project: Project, kind: str, name: str, key: str) -> Path | None:
    try:
        place = read_yaml(project.params_file(kind, name)).get(key)
    except (GsfError, OSError):
        return None
    return project.root / place if isinstance(place, str) else None


def _is_elsewhere(project: Project, command: Command, item: Input, file: Path | None) -> bool:
    """Pretrained weights in a folder `weights` of the project are a file of the project like any other."""
    return command.verb == "convert" or file != project.root / item.path
