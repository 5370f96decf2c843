"""Holding the receipt of a stage against the graph, and against files, parameters and code as they are now."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from gsf.errors import ProvenanceError
from gsf.pipeline.code_deps import expand
from gsf.pipeline.graph import Graph, Stage
from gsf.project import Project
from gsf.proof.chain import stage_of_path
from gsf.proof.weights import weights_of
from gsf.provenance.hashing import HashCache, sha256_file
from gsf.provenance.params_used import portable
from gsf.provenance.receipt import Receipt, hash_cache, read_receipt
from gsf.tables import read_table


class Checker:
    """Holds receipts against the graph; every file is hashed at most once."""

    def __init__(self, project: Project, resolved: Graph) -> None:
        self._project = project
        self._graph = resolved
        self._hashes: HashCache = hash_cache(project)

    def missing(self, stage: Stage) -> list[str]:
        """Outputs of a stage that are not there."""
        return [out.path for out in stage.outs if not (self._project.root / out.path).exists()]

    def disagreements(self, stage: Stage) -> Iterator[str]:
        """What a stage's receipt says otherwise than the graph and the files, one line each.

        A listing has no receipt: it says nothing but what lies in a folder.
        """
        if stage.receipt is None:
            return
        try:
            receipt = read_receipt(self._project.root / stage.receipt)
        except ProvenanceError as error:
            yield str(error)
            return
        yield from _identity(stage, receipt)
        yield from self._code(stage, receipt)
        yield from self._inputs(receipt)
        yield from self._outputs(stage, receipt)

    def agrees(self, stage: Stage) -> bool:
        """Whether a stage is complete and its receipt holds."""
        return not self.missing(stage) and next(self.disagreements(stage), None) is None

    def _code(self, stage: Stage, receipt: Receipt) -> Iterator[str]:
        root = self._project.root
        now = {path.relative_to(root).as_posix(): path for path in expand(self._project, stage.code)}
        then = dict(receipt.content["code"])
        for name in sorted(now.keys() | then.keys()):
            if name not in then:
                yield f"its receipt lacks the code file {name}, which dvc.yaml lists; see `gsf deps --write`"
            elif name not in now:
                yield f"it ran the code file {name}, which dvc.yaml does not list; see `gsf deps --write`"
            elif not now[name].is_file() or sha256_file(now[name]) != then[name]:
                yield f"the code file {name} has changed since"

    def _inputs(self, receipt: Receipt) -> Iterator[str]:
        outside = {weights.item: weights for weights in weights_of(self._project, receipt)}
        for item in receipt.inputs:
            if item in outside:  # pinned by the parameters, and need not be here any more
                found = outside[item].found(self._hashes)
                if found not in (None, item.sha256):
                    yield f"input {item.path}: its sha256 is not {item.sha256[:12]} any more"
                continue
            yield from self._file("input", item.path, item.sha256)
            if item.receipt is None:
                continue
            path = self._receipt_behind(item.path)
            if path is None or not (self._project.root / path).is_file():
                yield f"input {item.path}: the receipt of the stage that wrote it is not there"
            elif sha256_file(self._project.root / path) != item.receipt:
                yield f"input {item.path}: {path} is another receipt than {item.receipt[:12]}, which it ran on"

    def _outputs(self, stage: Stage, receipt: Receipt) -> Iterator[str]:
        listed = receipt.outputs
        for name, digest in sorted(listed.items()):
            yield from self._file("output", name, digest)
        for out in stage.outs:
            if out.is_receipt or out.is_loose:
                continue
            if out.path in listed or any(name.startswith(f"{out.path}/") for name in listed):
                continue
            annotations = f"{PurePosixPath(out.path).parent}/annotations.csv"
            if out.is_dir and annotations in listed:
                yield from self._videos(out.path, annotations)
            else:
                yield f"output {out.path}: is not in its receipt"

    def _videos(self, folder: str, annotations: str) -> Iterator[str]:
        """Rendered videos: the receipt has the annotations, and these have the sha256 of every video."""
        rows = read_table(self._project.root / annotations, ("path", "label", "split", "sha256"))
        for row in rows:
            yield from self._file("output", f"{folder}/{row['path']}", row["sha256"])

    def _file(self, kind: str, name: str, digest: str) -> Iterator[str]:
        path = self._project.root / name
        if not path.is_file():
            yield f"{kind} {name}: is not there"
        elif self._hashes.sha256(path) != digest:
            yield f"{kind} {name}: its sha256 is not {digest[:12]} any more"

    def _receipt_behind(self, name: str) -> str | None:
        """The receipt of the stage that writes a file, itself or in a folder."""
        if stage_of_path(name).startswith("plan@"):  # the inventory seals each plan apart
            return str(PurePosixPath(name).with_suffix(".receipt.json"))
        parts = name.split("/")
        for end in range(len(parts), 0, -1):
            stage = self._graph.writer.get("/".join(parts[:end]))
            if stage is not None:
                return stage.receipt
        return None


def _identity(stage: Stage, receipt: Receipt) -> Iterator[str]:
    """Disagreements about which stage ran, with which command and parameters."""
    if receipt.stage != stage.name:
        yield f"its receipt is of stage {receipt.stage}"
    asked, processes = _processes(stage.cmd)
    if shlex.split(str(receipt.content["command"])) != asked:
        yield f"it ran `{receipt.content['command']}`, must be `{stage.cmd}`"
    ran = receipt.facts.get("processes", 1)
    if ran != processes:
        yield f"{ran} processes shared it, must be {processes}: sums depend on their number"
    now = _flat(stage.params)
    then = _flat(dict(receipt.content["params"]))
    for key in sorted(now.keys() | then.keys()):
        if now.get(key) != then.get(key):
            yield f"parameter {': '.join(key)} was {then.get(key, 'absent')!r}, is now {now.get(key, 'absent')!r}"


def _processes(cmd: str) -> tuple[list[str], int]:
    """A command as its receipt has it, and how many processes run it: the receipt tells that as a fact."""
    words = shlex.split(cmd)
    if "--devices" not in words:
        return words, 1
    place = words.index("--devices")
    return words[:place] + words[place + 2 :], int(words[place + 1])


def _flat(params: Any) -> dict[tuple[str, str], Any]:
    """Values by file and key, as they are on every machine."""
    return {(file, key): value for file, values in params.items() for key, value in portable(values).items()}
