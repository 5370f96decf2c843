"""The chain: the receipts of a project as one graph, from a results table down to the videos.

A study with results has the receipts behind them in `results/<study>/receipts`, in git. Before that, and besides, every
stage's receipt lies beside what the stage wrote, in `data/` and `runs/`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gsf.errors import GsfError, ProvenanceError
from gsf.params.study import is_trained
from gsf.project import ENSEMBLE, Project
from gsf.proof.content import canonical_or_as_it_is
from gsf.provenance.evaluated import stage_name
from gsf.provenance.hashing import canonical_json, sha256_bytes
from gsf.provenance.receipt import Input, Receipt, parse_receipt

REPORT_RECEIPT = "report.receipt.json"
_WORK_RECEIPTS = (
    "data/*/*.receipt.json",
    "data/*/annotated/receipt.json",
    "data/*/plan/*.receipt.json",
    "data/*/extracted/*.receipt.json",
    "runs/*/train/*/receipt.json",
    "runs/*/evaluate/*/*/receipt.json",
    "runs/*/ensemble/*/receipt.json",
)


@dataclass(frozen=True)
class Command:
    """The command of a stage, taken apart: `gsf train arrow --study demo ...`."""

    verb: str
    positional: tuple[str, ...]
    options: dict[str, str]

    @classmethod
    def of(cls, receipt: Receipt) -> Command:
        """The command that a receipt names; what cannot be read becomes an empty command."""
        try:
            words = shlex.split(str(receipt.content["command"]))[1:]
        except ValueError:
            words = []
        positional: list[str] = []
        options: dict[str, str] = {}
        rest = iter(words[1:])
        for word in rest:
            if word.startswith("--"):
                options[word[2:]] = next(rest, "")
            else:
                positional.append(word)
        return cls(verb=words[0] if words else "", positional=tuple(positional), options=options)


@dataclass
class Chain:
    """Receipts by digest, and what was found in their place.

    `damaged` has why a file is no receipt, by path in the project; `rewritten` the files that hold a receipt in another
    than the canonical form, with the digest that it has in that.
    """

    receipts: dict[str, Receipt] = field(default_factory=dict)
    paths: dict[str, list[str]] = field(default_factory=dict)  # where each digest was read, paths in the project
    damaged: dict[str, str] = field(default_factory=dict)
    rewritten: dict[str, str] = field(default_factory=dict)

    def add(self, project: Project, path: Path) -> Receipt | None:
        """Read one receipt into the chain; None, and an entry in `damaged`, where it is not one."""
        name = project.relative(path)
        try:
            data = path.read_bytes()
            receipt = parse_receipt(canonical_or_as_it_is(data), where=name)
            _check_shape(receipt, where=name)
        except (ProvenanceError, OSError) as error:
            self.damaged[name] = str(error)
            return None
        if sha256_bytes(data) != receipt.digest:
            self.rewritten[name] = receipt.digest
        self.receipts[receipt.digest] = receipt
        self.paths.setdefault(receipt.digest, []).append(name)
        return receipt

    def get(self, digest: str) -> Receipt:
        """The receipt of a digest, or of the first 8 or more characters of one."""
        found = self.matching(digest)
        if len(found) == 1:
            return found[0]
        many = ", ".join(sorted(receipt.digest[:16] for receipt in found))
        several = f"stands for several ({many}), must be one: give more characters"
        raise ProvenanceError(f"receipt {digest}: {several if found else _NOT_HERE}")

    def matching(self, prefix: str) -> list[Receipt]:
        """Receipts whose digest starts with `prefix`."""
        if prefix in self.receipts:
            return [self.receipts[prefix]]
        if len(prefix) < 8:
            return []
        return [receipt for digest, receipt in self.receipts.items() if digest.startswith(prefix)]

    def writers(self, path: str) -> list[Receipt]:
        """Receipts that list `path` among their outputs; several where results are older than the work tree."""
        return [receipt for receipt in self.receipts.values() if path in receipt.content["outputs"]]

    def stage(self, name: str) -> list[Receipt]:
        """Receipts of a stage, by its name in dvc.yaml."""
        return [receipt for receipt in self.receipts.values() if receipt.stage == name]

    def parents(self, receipt: Receipt) -> list[Receipt]:
        """Receipts of a receipt's inputs that are here, each once, in order of the inputs' paths."""
        digests = dict.fromkeys(item.receipt for item in receipt.inputs if item.receipt in self.receipts)
        return [self.receipts[digest] for digest in digests if digest is not None]

    def closure(self, start: Iterable[Receipt]) -> list[Receipt]:
        """The receipts that `start` rests on, itself included: every one before those that it rests on."""
        finished: dict[str, Receipt] = {}
        waiting: list[tuple[Receipt, bool]] = [(receipt, False) for receipt in reversed(list(start))]
        while waiting:
            receipt, done = waiting.pop()
            if receipt.digest in finished:
                continue
            if done:
                finished[receipt.digest] = receipt
                continue
            waiting.append((receipt, True))
            waiting.extend((parent, False) for parent in self.parents(receipt))
        return list(finished.values())[::-1]

    def referrers(self) -> dict[str, list[tuple[Receipt, Input]]]:
        """Which inputs of which receipts name each digest; also digests that are not here."""
        found: dict[str, list[tuple[Receipt, Input]]] = {}
        for receipt in self.receipts.values():
            for item in receipt.inputs:
                if item.receipt is not None:
                    found.setdefault(item.receipt, []).append((receipt, item))
        return found

    def rests_on(self, receipt: Receipt) -> list[Receipt]:
        """The receipts that rest on this one, directly or not; itself left out."""
        users = self.referrers()
        found: dict[str, Receipt] = {}
        waiting = [receipt.digest]
        while waiting:
            for user, _ in users.get(waiting.pop(), []):
                if user.digest not in found:
                    found[user.digest] = user
                    waiting.append(user.digest)
        return list(found.values())


_NOT_HERE = "no receipt here has this digest, must be the first 8 characters or more of one that is in results/"


def study_chain(project: Project, study: str) -> Chain:
    """The receipts committed with a study's results, without the report's own."""
    chain = Chain()
    folder = project.results(study) / "receipts"
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        chain.add(project, path)
    return chain


def work_chain(project: Project) -> Chain:
    """The receipts that lie in the work tree beside what their stages wrote."""
    chain = Chain()
    for path in work_receipts(project):
        chain.add(project, path)
    return chain


def whole_chain(project: Project) -> Chain:
    """All receipts of a project: of every study's results, their reports, and the work tree."""
    chain = Chain()
    for path in work_receipts(project):
        chain.add(project, path)
    for study in studies(project):
        folder = project.results(study)
        for path in sorted((folder / "receipts").glob("*.json")):
            chain.add(project, path)
        if (folder / REPORT_RECEIPT).is_file():
            chain.add(project, folder / REPORT_RECEIPT)
    return chain


def work_receipts(project: Project) -> Iterator[Path]:
    """Paths of the receipts in the work tree."""
    for pattern in _WORK_RECEIPTS:
        yield from sorted(project.root.glob(pattern))


def studies(project: Project) -> list[str]:
    """Names of the studies that have results."""
    folder = project.root / "results"
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if (path / "results.json").is_file())


def known_studies(project: Project) -> list[str]:
    """Names of the studies with a results folder, also where its table is gone."""
    folder = project.root / "results"
    left = [path.name for path in folder.iterdir() if (path / "receipts").is_dir()] if folder.is_dir() else []
    return sorted({*studies(project), *left})


def work_receipt_path(project: Project, receipt: Receipt) -> Path | None:
    """Where the stage of a receipt writes it in the work tree; None for a command that this program does not know."""
    command = Command.of(receipt)
    options, positional = command.options, command.positional
    try:
        match command.verb:
            case "render":
                return project.render_receipt(positional[0])
            case "annotate":
                return project.annotate_receipt(positional[0])
            case "inventory":
                benchmark, shard = positional[0], plan_shard(receipt)
                return project.plan_receipt(benchmark, shard) if shard else project.inventory_receipt(benchmark)
            case "extract":
                return project.extract_receipt(positional[0], positional[1])
            case "manifest":
                return project.manifest_receipt(positional[0])
            case "train" | "convert":
                return project.train_receipt(options["study"], options["run"])
            case "evaluate":
                return project.evaluate_receipt(options["study"], options["run"], options["protocol"])
            case "ensemble":
                return project.evaluated(options["study"], options["run"], ENSEMBLE).receipt
            case "report":
                return project.results(positional[0]) / REPORT_RECEIPT
    except (KeyError, IndexError, GsfError):
        pass
    return None


def plan_shard(receipt: Receipt) -> str | None:
    """The shard whose plan a receipt is of; None for any other receipt.

    The inventory writes a receipt for each plan besides its own, so that an extraction depends on its plan alone.
    """
    group, _, key = receipt.stage.partition("@")
    return key.rpartition("-")[2] if group == "plan" else None


def stage_of_path(path: str) -> str:
    """The stage that writes `path`, by the layout of the project; the path itself where no stage does."""
    parts = Path(path).parts
    match parts:
        case ("data", benchmark, "annotations.csv"):
            return f"render@{benchmark}"
        case ("data", benchmark, "annotated", _):
            return f"annotate@{benchmark}"
        case ("data", benchmark, "inventory.csv"):
            return f"inventory@{benchmark}"
        case ("data", benchmark, "plan", name):
            return f"plan@{benchmark}-{name.split('.')[0]}"
        case ("data", benchmark, "shards" | "extracted", name):
            return f"extract@{benchmark}-{name.split('.')[0]}"
        case ("data", benchmark, "manifest.csv" | "manifest.json"):
            return f"manifest@{benchmark}"
        case ("runs", study, "train", run, _):
            return f"{'train' if is_trained(run) else 'convert'}@{study}-{run}"
        case ("runs", study, "evaluate", run, protocol, _):
            return stage_name(study, run, protocol)
        case ("runs", study, "ensemble", run, _):
            return stage_name(study, run, ENSEMBLE)
    return path


def code_digest(receipt: Receipt) -> str:
    """One sha256 for all code modules of a receipt: that of its map of modules to sha256, in canonical form."""
    return sha256_bytes(canonical_json(receipt.content["code"]))


def _check_shape(receipt: Receipt, *, where: str) -> None:
    """Raise ProvenanceError unless the parts of a receipt have the types that a stage writes."""
    content = receipt.content
    inputs = content["inputs"]
    well_formed = (
        all(isinstance(content[key], dict) for key in ("params", "outputs", "code", "tools", "facts"))
        and all(isinstance(item, dict) for item in content["params"].values())
        and all(isinstance(content[key], str) for key in ("stage", "command"))
        and isinstance(inputs, list)
        and all(isinstance(item, dict) and _INPUT.keys() == item.keys() for item in inputs)
        and all(isinstance(item[key], kinds) for item in inputs for key, kinds in _INPUT.items())
        and all(isinstance(digest, str) for key in ("outputs", "code") for digest in content[key].values())
    )
    if not well_formed:
        raise ProvenanceError(f"{where}: a part of it has the wrong type, must be a receipt as a stage writes it")


_INPUT: dict[str, Any] = {"path": str, "sha256": str, "receipt": str | None}
